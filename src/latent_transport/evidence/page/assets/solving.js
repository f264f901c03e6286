// The page's side of the worker.

class Solving {
  // `onPath` gets each path as it is found, `onDone` is called after the last.
  constructor(data, source, { onPath, onDone, onError }) {
    const blob = new Blob([`${source}\nlisten();`], { type: "text/javascript" });
    this.number = 0;
    try {
      this.worker = new Worker(URL.createObjectURL(blob));
    } catch {
      setTimeout(onError); // when the page stands
      return;
    }
    this.worker.addEventListener("error", onError);
    this.worker.addEventListener("message", ({ data: { number, path, done } }) => {
      if (number !== this.number) return; // of ends that have moved since
      if (path) onPath(path);
      if (done) onDone();
    });
    const { decoder, density, geometries, line } = data;
    this.worker.postMessage({ decoder, density, geometries, line });
  }

  // Replaces what is being solved: a kind, ends, and the strength of the density's weight.
  start(job) {
    this.number += 1;
    this.worker?.postMessage({ ...job, number: this.number });
  }

  cancel() {
    this.number += 1;
  }
}
