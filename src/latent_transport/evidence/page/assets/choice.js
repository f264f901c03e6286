// The choice of a plane. Each plane's data stand in an element of their own, which is read when that
// plane is chosen; the address of the page remembers which.

const addressOf = ({ name }) => `#${encodeURIComponent(name)}`;

class Choice {
  constructor({ planes, first }) {
    this.planes = planes; // what is said of them
    this.first = first;
    this.title = document.title;
    this.loaded = new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve));
  }

  // The number of the plane that the address names, or of the first.
  get asked() {
    const number = this.planes.findIndex((words) => addressOf(words) === location.hash);
    return number < 0 ? this.first : number;
  }

  // The data of a plane. All but the first come after this script.
  async read(number) {
    if (number !== this.first) await this.loaded;
    return JSON.parse(byId(`plane-${number}`).textContent);
  }

  // A switch a plane, if there are several. `onChoice` gets the number of the one to show.
  offer(box, onChoice) {
    box.hidden = this.planes.length < 2;
    const segments = box.querySelector(".segments");
    this.inputs = this.planes.map((words, number) => {
      const input = document.createElement("input");
      const label = document.createElement("label");
      const title = document.createElement("span");
      Object.assign(input, { type: "radio", name: "plane", value: words.name });
      input.setAttribute("aria-label", words.plane);
      title.textContent = words.name;
      input.addEventListener("change", () => {
        onChoice(number);
        history.replaceState(null, "", addressOf(words));
      });
      label.append(input, title);
      segments.append(label);
      return input;
    });
    addEventListener("hashchange", () => onChoice(this.asked));
  }

  // Says everywhere which plane is shown.
  mark(number) {
    const words = this.planes[number];
    this.inputs[number].checked = true;
    document.title = `${this.title}: the latent plane of ${words.plane}`;
    document.querySelectorAll("[data-word]").forEach((place) => {
      const word = words[place.dataset.word];
      // Said once, though it is there when the page opens.
      if (place.textContent !== word) place.textContent = word;
    });
  }
}
