// Polygons in the plane.

function pointsBetween(start, end, count) {
  return Array.from({ length: count }, (_, i) =>
    start.map((value, axis) => value + (i / (count - 1)) * (end[axis] - value)),
  );
}

// The point of a polygon of equal steps that lies at a share of the way.
function pointAt(points, share) {
  const position = share * (points.length - 1);
  const before = Math.min(Math.floor(position), points.length - 2);
  return points[before].map(
    (value, axis) => value + (position - before) * (points[before + 1][axis] - value),
  );
}

// A polygon's points at equal steps of its length, which the lengths of its segments give.
function spread(points, segments, count) {
  const run = [0];
  segments.squares.forEach((square, n) => run.push(run[n] + Math.sqrt(square)));
  const whole = run.at(-1);
  let n = 0;
  return Array.from({ length: count }, (_, i) => {
    const wanted = (whole * i) / (count - 1);
    while (n < run.length - 2 && run[n + 1] < wanted) n += 1;
    const share = Math.min((wanted - run[n]) / (run[n + 1] - run[n] || 1), 1);
    return [0, 1].map((axis) => points[n][axis] + share * (points[n + 1][axis] - points[n][axis]));
  });
}
