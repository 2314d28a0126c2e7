// The part of a picture around its hole, at the model's size, and the way back: what `complete.Window` is in Python, number for number.

export function box(mask, W, H) { // left, top, right, bottom of what is not 0
  let l = W, t = H, r = 0, b = 0
  for (let y = 0; y < H; y++) for (let x = 0; x < W; x++) if (mask[y * W + x]) { if (x < l) l = x; if (x >= r) r = x + 1; if (y < t) t = y; b = y + 1 }
  return r ? [l, t, r, b] : null
}

export function cropBox([l, t, r, b], W, H, model) { // the model's size at least, and twice the hole, where the picture has that much
  const need = Math.max(r - l, b - t), short = Math.min(W, H)
  let side = Math.max(model, 2 * need)
  if (side > short) side = Math.max(short, Math.ceil(4 * need / 3))
  const place = (a, b, n) => Math.min(Math.max(Math.floor((a + b - side) / 2), 0), Math.max(n - side, 0))
  const x = place(l, r, W), y = place(t, b, H)
  return [x, y, Math.min(x + side, W), Math.min(y + side, H)]
}

export const cubic = (x, a = -.5) => { x = Math.abs(x); return x < 1 ? ((a + 2) * x - a - 3) * x * x + 1 : x < 2 ? a * (((x - 5) * x + 8) * x - 4) : 0 }

export function weights(size, from, to, n) { // of n places between `from` and `to`, over an input of so many pixels
  const scale = (to - from) / n, wide = Math.max(scale, 1)
  return Array.from({ length: n }, (_, i) => {
    const center = from + (i + .5) * scale, first = Math.max(0, Math.trunc(center - 2 * wide + .5)), last = Math.min(size, Math.trunc(center + 2 * wide + .5))
    const w = Array.from({ length: last - first }, (_, k) => cubic((k + first - center + .5) / wide)), sum = w.reduce((a, b) => a + b, 0)
    return [first, w.map(o => o / sum)]
  })
}

export const even = x => { const r = Math.round(x); return r - (r - x === .5 && r % 2) }      // as Python rounds

export function resize(from, [w, h], [W, H], [l, t, r, b] = [0, 0, w, h]) { // RGBA, bicubic, rounded after each axis, as Pillow does it
  const round = v => Math.floor(v + .5), wide = new Uint8ClampedArray(4 * W * h), out = new Uint8ClampedArray(4 * W * H)
  weights(w, l, r, W).forEach(([first, ws], x) => {
    for (let y = 0; y < h; y++) for (let c = 0; c < 4; c++) {
      let sum = 0
      for (let k = 0, at = 4 * (y * w + first) + c; k < ws.length; k++, at += 4) sum += ws[k] * from[at]
      wide[4 * (y * W + x) + c] = round(sum)
    }
  })
  weights(h, t, b, H).forEach(([first, ws], y) => {
    for (let x = 0; x < 4 * W; x++) {
      let sum = 0
      for (let k = 0, at = 4 * W * first + x; k < ws.length; k++, at += 4 * W) sum += ws[k] * wide[at]
      out[4 * W * y + x] = round(sum)
    }
  })
  return out
}

const mirror = (i, n) => { i = ((i % (2 * n)) + 2 * n) % (2 * n); return i < n ? i : 2 * n - 1 - i }

export class Window {
  constructor({ data, w: W, h: H }, mask, S) { // RGBA, all of it opaque; one byte a pixel, not 0 where to fill; the model's size
    const part = this.part = box(mask, W, H), [l, t, r, b] = this.box = cropBox(part, W, H, S), cw = r - l, ch = b - t
    const hole = new Uint8Array(cw * ch), seen = new Uint8ClampedArray(4 * cw * ch)
    for (let y = 0; y < ch; y++) {
      seen.set(data.subarray(4 * ((t + y) * W + l), 4 * ((t + y) * W + r)), 4 * y * cw)
      hole.set(mask.subarray((t + y) * W + l, (t + y) * W + r), y * cw)
    }
    for (let i = 0; i < cw * ch; i++) if (hole[i]) seen.fill(0, 4 * i, 4 * i + 4)      // what is under the hole does not matter
    const [w, h] = [cw, ch].map(n => Math.max(1, even(n * S / Math.max(cw, ch)))), x0 = S - w >> 1, y0 = S - h >> 1
    Object.assign(this, { whole: mask, W, S, size: [cw, ch], content: [x0, y0, x0 + w, y0 + h] })
    const small = w === cw && h === ch ? seen : resize(seen, [cw, ch], [w, h])
    const touched = new Uint8Array(w * h)      // not one pixel of the hole gets lost
    for (let y = 0; y < h; y++) for (let x = 0; x < w; x++)
      for (let v = Math.floor(y * ch / h); v < Math.ceil((y + 1) * ch / h); v++) for (let u = Math.floor(x * cw / w); u < Math.ceil((x + 1) * cw / w); u++) touched[y * w + x] |= hole[v * cw + u] ? 1 : 0
    this.image = new Float32Array(3 * S * S)
    this.hole = new Float32Array(S * S)
    for (let y = 0; y < S; y++) for (let x = 0; x < S; x++) {
      const from = mirror(y - y0, h) * w + mirror(x - x0, w), to = y * S + x, alpha = small[4 * from + 3]
      for (let c = 0; c < 3; c++) this.image[c * S * S + to] = (alpha ? Math.min(255, Math.trunc(255 * small[4 * from + c] / alpha)) : 0) / 127.5 - 1
      this.hole[to] = touched[from]
    }
  }

  pixels(made) { // (3, S, S) in [-1, 1]; RGBA
    const n = this.S ** 2, out = new Uint8ClampedArray(4 * n)
    for (let i = 0; i < n; i++) { for (let c = 0; c < 3; c++) out[4 * i + c] = Math.round((made[c * n + i] + 1) * 127.5); out[4 * i + 3] = 255 }
    return out
  }

  enlarge(made) { // of `pixels`; the hole's box in the picture's own pixels
    const { S, box: [l, t, r, b], part: [L, T, R, B], content: [x, y, right, bottom] } = this, u = (right - x) / (r - l), v = (bottom - y) / (b - t)
    return resize(made, [S, S], [R - L, B - T], [x + (L - l) * u, y + (T - t) * v, x + (R - l) * u, y + (B - t) * v])
  }

  paste(made, data) { // of the hole's box; the picture, changed in place
    const [l, t, r, b] = this.part
    for (let y = t, i = 0; y < b; y++) for (let x = l; x < r; x++, i += 4) if (this.whole[y * this.W + x]) data.set(made.subarray(i, i + 3), 4 * (y * this.W + x))
    return data
  }
}

// --- noise that Python draws alike: see nbs/browser.ipynb

const mix = x => { x = Math.imul(x ^ x >>> 16, 0x21f0aaad); x = Math.imul(x ^ x >>> 15, 0x735a2d97); return x ^ x >>> 15 }

export function noise(seed, i, size) { // of completion i
  const out = new Float32Array(size), key = mix(mix(seed | 0) + i | 0), u = k => ((mix(key + k | 0) >>> 0) + .5) / 2 ** 32
  for (let k = 0; k < size; k += 2) {
    const r = Math.sqrt(-2 * Math.log(u(k))), a = 2 * Math.PI * u(k + 1)
    out[k] = r * Math.cos(a)
    if (k + 1 < size) out[k + 1] = r * Math.sin(a)
  }
  return out
}

export function slerp(a, b, t) { // along the great circle
  let ab = 0, aa = 0, bb = 0
  for (let i = 0; i < a.length; i++) { ab += a[i] * b[i]; aa += a[i] ** 2; bb += b[i] ** 2 }
  const angle = Math.acos(Math.max(-1, Math.min(1, ab / Math.max(Math.sqrt(aa * bb), 1e-12)))), sin = Math.sin(angle)
  const [p, q] = sin < 1e-3 ? [1 - t, t] : [Math.sin((1 - t) * angle) / sin, Math.sin(t * angle) / sin]
  return a.map((v, i) => p * v + q * b[i])
}
