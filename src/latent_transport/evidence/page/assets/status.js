// What is said of the ends and of the geodesics between them.

// Of curves that are not solved to the end.
const UNSOLVED_WORDS = {
  join: "Not solved to the end: another way may be shorter.",
  shoot: "Followed in part or roughly alone: it comes to where pictures hardly change.",
};

function describe({ ends: [from, to], kind, strength, solving, failed }, paths) {
  if (!from) return "Choose a first point in the plane.";
  if (!to) return `From A ${formatPoint(from)}: choose a second point.`;
  if (failed) return "The worker that solves the geodesics does not run in this browser.";
  const [name] = paths.geometries;
  const { label, unit } = paths.words[name];
  if (solving && !paths.found.has(name)) return "Solving the geodesics…";
  const stuck = paths.names.some((path) => !paths.hasConverged(path));
  const doubt = stuck ? ` * ${UNSOLVED_WORDS[kind]}` : "";
  const more = solving ? " Solving the others…" : doubt;
  if (!paths.has(name)) return `The ${label} geodesic from A was lost.${more}`;
  const length = paths.length(name, name);
  const size = `${formatLength(length)} ${strength ? "weighted " : ""}${unit}`;
  if (kind === "shoot") {
    return `${label} geodesic shot from A ${formatPoint(from)}: ${size} long.${more}`;
  }
  const saved = 100 * (1 - length / paths.length(paths.line, name));
  return (
    `${label} geodesic from A ${formatPoint(from)} to B ${formatPoint(to)}: ${size}, ` +
    `${Math.max(saved || 0, 0).toFixed(1)} % shorter than the straight line.${more}`
  );
}
