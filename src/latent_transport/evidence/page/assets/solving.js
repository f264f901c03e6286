// The page's side of the worker.

class Solving {
  // `onPath` gets each path as it is found, `onDone` is called after the last.
  constructor(source, { onPath, onDone, onError }) {
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
      if (number !== this.number) return; // of ends that have moved since, or of another plane
      if (path) onPath(path);
      if (done) onDone();
    });
  }

  // The data of a plane, in which what is started from now on is solved.
  use({ decoder, density, geometries, line }) {
    this.cancel();
    this.worker?.postMessage({ decoder, density, geometries, line });
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
