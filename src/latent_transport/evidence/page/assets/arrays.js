// Arrays from base64 text. Browsers run on little-endian machines, as the bytes are.

function unpackBytes(packed) {
  return Uint8Array.from(atob(packed.data), (character) => character.charCodeAt(0)).buffer;
}

function halfToFloat(half) {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function unpack(packed) {
  const bytes = unpackBytes(packed);
  if (packed.dtype === "float16") return Float32Array.from(new Uint16Array(bytes), halfToFloat);
  return new { float32: Float32Array, uint8: Uint8Array, uint16: Uint16Array }[packed.dtype](bytes);
}

function unpackPoints(packed) {
  const { low, high } = packed;
  return Float32Array.from(
    unpack(packed),
    (share, i) => low[i % 2] + ((high[i % 2] - low[i % 2]) * share) / 65535,
  );
}
