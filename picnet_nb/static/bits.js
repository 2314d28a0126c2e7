// The hole: one bit a cell, packed as in a PNG file, so that a picture of 12 megapixels takes 1.5 MB, and sending it a few KB.

import { clamp, h } from './dom.js'

const crcs = Uint32Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ n >>> 1 : n >>> 1; return n })

export function crc(bytes) { let c = -1; for (let i = 0; i < bytes.length; i++) c = crcs[(c ^ bytes[i]) & 255] ^ c >>> 8; return ~c }      // of PNG and ZIP files

function chunk(name, data) { // of a PNG file
  const out = new Uint8Array(12 + data.length), view = new DataView(out.buffer)
  view.setUint32(0, data.length)
  out.set([...name].map(o => o.charCodeAt()), 4)
  out.set(data, 8)
  view.setUint32(8 + data.length, crc(out.subarray(4, 8 + data.length)))
  return out
}

export class Bits {
  constructor(w, h, data) {
    this.w = w; this.h = h
    this.s = w + 7 >> 3     // bytes of a row; the first cell is the highest bit, and bits beyond the last cell are 0
    this.data = data || new Uint8Array(this.s * h)
    this.clean()
  }

  get(x, y) { return this.data[y * this.s + (x >> 3)] >> 7 - (x & 7) & 1 }
  get empty() { for (let i = 0; i < this.data.length; i++) if (this.data[i]) return false; return true }      // ten times as fast as `some`
  get all() { return { x0: 0, y0: 0, x1: this.w, y1: this.h } }
  clean() { this.dirty = { x0: Infinity, y0: Infinity, x1: 0, y1: 0 } }

  span(y, a, b, on) { // cells a to b - 1 of row y
    a = Math.max(a, 0)
    b = Math.min(b, this.w)
    if (y < 0 || y >= this.h || !(a < b)) return
    const d = this.dirty, data = this.data, i = y * this.s + (a >> 3), j = y * this.s + (b >> 3), first = 255 >> (a & 7), last = ~(255 >> (b & 7)) & 255
    if (a < d.x0) d.x0 = a
    if (b > d.x1) d.x1 = b
    if (y < d.y0) d.y0 = y
    if (y >= d.y1) d.y1 = y + 1
    const put = (k, m) => { if (on) data[k] |= m; else data[k] &= ~m }
    if (i === j) return put(i, first & last)
    put(i, first)
    data.fill(on ? 255 : 0, i + 1, j)
    if (last) put(j, last)
  }

  capsule(x, y, u, v, r, on) { // all within r of the line from (x, y) to (u, v): two circles and what is between
    const long = Math.hypot(u - x, v - y), nx = long ? (y - v) / long * r : 0, ny = long ? (u - x) / long * r : 0
    const px = [x + nx, u + nx, u - nx, x - nx], py = [y + ny, v + ny, v - ny, y - ny]
    for (let row = Math.max(0, Math.floor(Math.min(y, v) - r)); row < Math.min(this.h, Math.max(y, v) + r); row++) {
      const c = row + .5
      let a = Infinity, b = -Infinity
      const at = (p, q) => { if (p < a) a = p; if (q > b) b = q }
      const p = r * r - (c - y) ** 2, q = r * r - (c - v) ** 2
      if (p >= 0) at(x - Math.sqrt(p), x + Math.sqrt(p))
      if (q >= 0) at(u - Math.sqrt(q), u + Math.sqrt(q))
      if (long) for (let i = 0, j = 3; i < 4; j = i++) if (py[i] <= c !== py[j] <= c) {
        const t = px[i] + (c - py[i]) / (py[j] - py[i]) * (px[j] - px[i])
        at(t, t)
      }
      this.span(row, Math.ceil(a - .5), Math.ceil(b - .5), on)
    }
  }

  polygon(points, on) { // [[x, y], ...]
    const ys = points.map(o => o[1]), end = Math.min(this.h, Math.ceil(Math.max(...ys)))
    for (let row = Math.max(0, Math.floor(Math.min(...ys))); row < end; row++) {
      const c = row + .5, xs = []
      points.forEach(([x, y], i) => {
        const [u, v] = points[(i || points.length) - 1]
        if (y <= c !== v <= c) xs.push(x + (c - y) / (v - y) * (u - x))
      })
      xs.sort((a, b) => a - b)
      for (let i = 0; i + 1 < xs.length; i += 2) this.span(row, Math.ceil(xs[i] - .5), Math.ceil(xs[i + 1] - .5), on)
    }
  }

  runs(y) { // where row y changes: begin, end, begin, end, ...
    const out = [], { s, data } = this
    let on = 0
    for (let i = 0; i < s; i++) {
      const o = data[y * s + i]
      if (o !== (on ? 255 : 0)) for (let k = 0; k < 8; k++) if ((o >> 7 - k & 1) !== on) { out.push(i * 8 + k); on ^= 1 }
    }
    if (on) out.push(this.w)
    return out
  }

  invert() {
    const pad = this.w & 7 ? ~(255 >> (this.w & 7)) & 255 : 255
    for (let i = 0; i < this.data.length; i++) this.data[i] ^= 255
    for (let i = this.s - 1; i < this.data.length; i += this.s) this.data[i] &= pad
    this.dirty = this.all
  }

  grow(r) { // by r cells all around; fewer than 0: shrink
    if (r < 0) { this.invert(); this.grow(-r); this.invert(); return }
    const rows = Array.from({ length: this.h }, (_, y) => this.runs(y))
    rows.forEach((runs, y) => {
      for (let dy = -r; runs.length && dy <= r; dy++) {
        const d = Math.round(Math.sqrt(r * r - dy * dy))
        for (let i = 0; i < runs.length; i += 2) this.span(y + dy, runs[i] - d, runs[i + 1] + d, 1)
      }
    })
  }

  join(o, on) { // cells of another one of the same size
    for (let y = 0; y < this.h; y++) { const runs = o.runs(y); for (let i = 0; i < runs.length; i += 2) this.span(y, runs[i], runs[i + 1], on) }
  }

  replace(o) { this.data.set(o.data); this.dirty = this.all }

  // A change is what differs before and after it, so the same patch undoes and redoes it.
  begin() { this.before = this.data.slice(); this.clean() }
  cancel() { this.data.set(this.before); this.before = null }
  end() {
    const { x0, y0, x1, y1 } = this.dirty, { s, data, before } = this, l = x0 >> 3, w = (x1 + 7 >> 3) - l
    this.before = null
    if (!(y1 > y0)) return null
    const xor = new Uint8Array(w * (y1 - y0))
    let any = 0
    for (let y = y0, k = 0; y < y1; y++) for (let i = y * s + l; i < y * s + l + w; i++) any |= xor[k++] = data[i] ^ before[i]
    return any ? { x0, y0, x1, y1, l, w, xor } : null
  }
  apply({ l, w, xor, ...box }) {
    for (let y = box.y0, k = 0; y < box.y1; y++) for (let i = y * this.s + l, end = i + w; i < end; i++) this.data[i] ^= xor[k++]
    this.dirty = box
  }

  resized(w, h) { // smooth where it gets larger, the middle of each cell where it gets smaller
    if (w === this.w && h === this.h) return this
    const out = new Bits(w, h), finer = w > this.w
    const at = (i, n, N) => finer ? clamp((i + .5) * N / n - .5, 0, N - 1) : Math.floor((i + .5) * N / n)
    const xs = Float32Array.from({ length: w }, (_, x) => at(x, w, this.w))
    for (let y = 0; y < h; y++) {
      const v = at(y, h, this.h), top = Math.floor(v), low = Math.min(top + 1, this.h - 1), t = v - top
      for (let x = 0; x < w; x++) {
        const left = xs[x] | 0, right = Math.min(left + 1, this.w - 1), u = xs[x] - left, a = this.get(left, top), b = this.get(right, top), c = this.get(left, low), d = this.get(right, low)
        if (a + b + c + d && (a * (1 - u) + b * u) * (1 - t) + (c * (1 - u) + d * u) * t >= .5) out.data[y * out.s + (x >> 3)] |= 128 >> (x & 7)
      }
    }
    return out
  }

  async png() { // white where to fill; each row is stored as its difference to the one above
    const { w, h, s, data } = this, raw = new Uint8Array((s + 1) * h), head = new DataView(new ArrayBuffer(13))
    for (let y = 0, k = 0; y < h; y++) {
      raw[k++] = 2
      for (let i = y * s; i < y * s + s; i++) raw[k++] = y ? data[i] - data[i - s] : data[i]
    }
    head.setUint32(0, w)
    head.setUint32(4, h)
    head.setUint8(8, 1)
    const packed = await new Response(new Blob([raw]).stream().pipeThrough(new CompressionStream('deflate'))).arrayBuffer()
    const parts = [new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', new Uint8Array(head.buffer)), chunk('IDAT', new Uint8Array(packed)), chunk('IEND', [])]
    return new Uint8Array(await new Blob(parts).arrayBuffer())
  }

  static async read(bytes) { // a picture of a hole
    const { width: w, height: h, data } = await pixels(await createImageBitmap(new Blob([bytes]))), out = new Bits(w, h)
    for (let y = 0, k = 0; y < h; y++) for (let x = 0; x < w; x++, k += 4) if (data[k] > 127) out.data[y * out.s + (x >> 3)] |= 128 >> (x & 7)
    return out
  }
}

export function pixels(image) {
  const ctx = h('canvas', { width: image.naturalWidth || image.width, height: image.naturalHeight || image.height }).getContext('2d', { willReadFrequently: true })
  ctx.drawImage(image, 0, 0)
  return ctx.getImageData(0, 0, ctx.canvas.width, ctx.canvas.height)
}

export function wand({ width: w, height: h, data }, x, y, reach) { // all of like color around a place, up to the next edge; reach: 0 to 1
  const out = new Bits(w, h), stack = [y * w + x], seen = new Uint8Array(w * h), far = 12 + 150 * reach ** 1.5, seed = [0, 0, 0]
  let n = 0
  for (let j = Math.max(0, y - 1); j <= Math.min(h - 1, y + 1); j++) for (let i = Math.max(0, x - 1); i <= Math.min(w - 1, x + 1); i++, n++)
    for (let c = 0; c < 3; c++) seed[c] += data[4 * (j * w + i) + c]
  const [r, g, b] = seed.map(o => o / n)
  const off = (k, r, g, b) => Math.hypot(data[k] - r, data[k + 1] - g, data[k + 2] - b)
  seen[stack[0]] = 1
  while (stack.length) {
    const at = stack.pop(), px = at % w, k = 4 * at
    out.data[(at - px) / w * out.s + (px >> 3)] |= 128 >> (px & 7)
    for (const next of [px > 0 ? at - 1 : -1, px < w - 1 ? at + 1 : -1, at - w, at + w]) {
      if (next < 0 || next >= w * h || seen[next]) continue
      if (off(4 * next, r, g, b) < far && off(4 * next, data[k], data[k + 1], data[k + 2]) < far / 2 + 6) { seen[next] = 1; stack.push(next) }
    }
  }
  out.grow(3)     // specks in it, and its soft rim, belong to it
  out.grow(-1)
  return out
}
