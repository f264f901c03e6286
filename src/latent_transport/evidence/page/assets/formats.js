// Numbers as the page writes them.

function formatPoint(point) {
  const [x, y] = point.map((value) => value.toFixed(2).replace("-", "−"));
  return `(${x}, ${y})`;
}

function formatPower(value) {
  const exponent = Math.floor(Math.log10(value));
  const raised = [...String(exponent)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit] ?? "⁻").join("");
  return `${(value / 10 ** exponent).toFixed(1)} × 10${raised}`;
}

function formatLength(length) {
  return length >= 100 ? Math.round(length).toLocaleString("en") : length.toPrecision(3);
}

function formatChange(ratio) {
  const percent = 100 * (ratio - 1);
  const sign = percent < 0 ? "−" : "+";
  return `${sign}${Math.abs(percent).toFixed(1)}\u00a0%`;
}
