// The photograph's fine detail for what the model paints: what `material.Surroundings.detail` does in Python, step by step.

import { clamp } from './dom.js'
import { box, cubic, even, resize, weights } from './window.js'

const SIDE = 5, DIMS = 24, N = 3 * SIDE ** 2      // cells of a patch, its principal components, its numbers
const range = (n, f) => Array.from({ length: n }, (_, i) => f(i))
const byte = x => clamp(Math.floor(x + .5), 0, 255)
const bins = (n, N) => range(N, i => [Math.floor(i * n / N), Math.ceil((i + 1) * n / N)])      // what each of N places has of n
const dot = (a, b) => { let sum = 0; for (let i = 0; i < a.length; i++) sum += a[i] * b[i]; return sum }

function eigenvectors(a, n) { // of a symmetric matrix, changed in place: the one of the largest value first (Jacobi)
  const v = Float32Array.from(a, (_, i) => i % (n + 1) ? 0 : 1)
  const turn = (m, i, j, step, c, s) => { for (let k = 0; k < n; k++, i += step, j += step) [m[i], m[j]] = [c * m[i] - s * m[j], s * m[i] + c * m[j]] }
  for (let sweep = 0; sweep < 8; sweep++) for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) {
    const k = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]), t = (k < 0 ? -1 : 1) / (Math.abs(k) + Math.hypot(k, 1)), c = 1 / Math.hypot(t, 1)
    if (a[p * n + q]) for (const how of [[a, p, q, n], [a, p * n, q * n, 1], [v, p * n, q * n, 1]]) turn(...how, c, t * c)
  }
  return range(n, i => i).sort((i, j) => a[j * (n + 1)] - a[i * (n + 1)]).map(i => v.subarray(i * n, (i + 1) * n))
}

class Patches { // all of an image that are known as a whole, sorted by the first of their principal components
  constructor(x, gap, w, h) { // RGB; not 0 where a pixel is not known
    const cells = range(SIDE ** 2, k => Math.floor(k / SIDE) * w + k % SIDE), touch = this.touch = new Uint8Array(w * h)
    gap.forEach((o, i) => { if (o) for (const k of cells) touch[i - k] = 1 })      // patches begin at their left top cell
    this.patch = new Float32Array(N)
    this.places = Int32Array.from(cells.flatMap(o => [3 * o, 3 * o + 1, 3 * o + 2]))
    const at = range(w * (h - SIDE + 1), i => i).filter(i => i % w <= w - SIDE && !touch[i]), n = at.length, spread = new Float64Array(N * N)
    const numbers = Array.from(this.places, o => new Float32Array(at.map(i => x[3 * i + o]))), mean = numbers.map(a => a.reduce((p, q) => p + q, 0) / n)
    for (let j = 0; j < N; j++) for (let k = 0; k <= j; k++) spread[j * N + k] = spread[k * N + j] = dot(numbers[j], numbers[k]) - n * mean[j] * mean[k]
    this.axes = eigenvectors(spread, N).slice(0, DIMS)
    const keys = at.map(i => this.key(x, i)), order = range(n, i => i).sort((i, j) => keys[i][0] - keys[j][0])
    this.at = Int32Array.from(order, i => at[i])
    this.keys = new Float32Array(DIMS * n)
    order.forEach((i, to) => this.keys.set(keys[i], DIMS * to))
  }

  key(x, i) { // of the patch that begins at pixel i
    for (let k = 0; k < N; k++) this.patch[k] = x[3 * i + this.places[k]]
    return this.axes.map(a => dot(a, this.patch))
  }

  nearest(key, near) { // number of the patch that is most alike, given one that is; nothing is compared whose first component is too far away
    const { keys } = this, n = this.at.length
    let lo = 0, hi = n, best = Infinity, found = 0
    const compare = i => {
      let apart = 0
      for (let k = 0, from = i * DIMS; k < DIMS && apart < best; k++, from++) apart += (keys[from] - key[k]) ** 2
      if (apart < best) { best = apart; found = i }
    }
    compare(near)
    while (lo < hi) { const m = lo + hi >> 1; if (keys[m * DIMS] < key[0]) lo = m + 1; else hi = m }
    for (let i = lo; i < n && (keys[i * DIMS] - key[0]) ** 2 < best; i++) compare(i)
    for (let i = lo - 1; i >= 0 && (keys[i * DIMS] - key[0]) ** 2 < best; i--) compare(i)
    return found
  }
}

export class Surroundings { // the known part of a picture around its hole, in cells, and the detail that it lends to a guess
  constructor({ data, w: W, h: H }, window, grow = .15, cells = 64) {
    const [l, t, r, b] = window.box, side = Math.max(r - l, b - t)
    let c = Math.max(1, even(side / cells))
    if (c >= 4) c = 2 * even(side / cells / 2)
    const f = c < 4 ? 1 : c / 2, g = Math.floor(Math.floor(grow * side) / c) * c      // pixels
    const L = Math.max(l - g, l % c), T = Math.max(t - g, t % c), R = Math.min(r + g, W), B = Math.min(b + g, H)
    const pixel = (x, y) => Math.min(T + y, B - 1) * W + Math.min(L + x, R - 1)      // the last ones once more, up to whole cells
    const w = Math.ceil((R - L) / c) * c / f, h = Math.ceil((B - T) / c) * c / f, gap = new Uint8Array(w * h), known = new Float32Array(3 * w * h)
    Object.assign(this, { data, window, c, f, L, T, w, h, gap, pixel })
    for (let y = 0; y < h * f; y++) for (let x = 0; x < w * f; x++) {
      const i = Math.floor(y / f) * w + Math.floor(x / f), from = pixel(x, y)
      gap[i] |= window.whole[from] && 1
      for (let k = 0; k < 3; k++) known[3 * i + k] += data[4 * from + k] / f / f / 255
    }
    this.low = this.soften(known, Math.min(1, 1.5 * cells * f / side))
    this.rows = weights(h, 0, h, h * f)
    this.wide = new Uint8Array(3 * (h + 3) * w * f)      // `low` enlarged along its rows, as Pillow does it
    weights(w, 0, w, w * f).forEach(([first, ws], x) => {
      for (let y = 0; y < h; y++) for (let k = 0; k < 3; k++) this.wide[3 * (y * w * f + x) + k] = byte(ws.reduce((sum, o, i) => sum + o * byte(255 * this.low[3 * (y * w + first + i) + k]), 0))
    })
  }

  soften(known, share) { // as a guess resolves it: means of what is known, in fewer cells, enlarged again as torch does it
    const { w, h, gap } = this, u = even(share * w), v = even(share * h), tall = bins(h, v), broad = bins(w, u), few = new Float32Array(3 * u * v)
    for (let i = 0; i < u * v; i++) {
      const [t, b] = tall[Math.floor(i / u)], [l, r] = broad[i % u], seen = []
      for (let y = t; y < b; y++) for (let x = l; x < r; x++) if (!gap[y * w + x]) seen.push(3 * (y * w + x))
      for (const o of seen) for (let k = 0; k < 3; k++) few[3 * i + k] += known[o + k] / seen.length
    }
    const taps = (n, N) => range(N, i => { const at = (i + .5) * n / N - .5, first = Math.floor(at) - 1; return range(4, k => [clamp(first + k, 0, n - 1), cubic(at - first - k, -.75)]) })
    const rows = taps(v, h), columns = taps(u, w)
    return known.map((_, i) => {
      let sum = 0
      for (const [y, p] of rows[Math.floor(i / 3 / w)]) for (const [x, q] of columns[Math.floor(i / 3) % w]) sum += p * q * few[3 * (y * u + x) + i % 3]
      return sum
    })
  }

  get enough() { // is the window much enlarged, and is there something to lend?
    const { window: { size, S }, w, h, c, f, gap } = this, rows = bins(h, even(h * f / c / 2)), columns = bins(w, even(w * f / c / 2))
    if (Math.max(...size) <= 1.3 * S || Math.min(rows.length, columns.length) < 8) return false
    const known = ([t], [, b], [l], [, r]) => !range(b - t, y => gap.subarray((t + y) * w + l, (t + y) * w + r).includes(1)).includes(true)
    return rows.slice(6).flatMap((b, y) => columns.slice(6).filter((r, x) => known(rows[y], b, columns[x], r))).length > 30
  }

  place(made) { // the softened part, with a guess in its gap
    const { window: { S, box: [l, t, r, b], content }, f, L, T, w, gap, low } = this, x0 = (l - L) / f, y0 = (t - T) / f
    const u = Math.ceil((r - L) / f) - x0, v = Math.ceil((b - T) / f) - y0, guess = resize(made, [S, S], [u, v], content)
    return low.map((o, i) => {
      const at = Math.floor(i / 3), x = at % w - x0, y = Math.floor(at / w) - y0
      return !gap[at] ? o : x >= 0 && x < u && y >= 0 && y < v ? guess[4 * (y * u + x) + i % 3] / 255 : 0
    })
  }

  lend(made) { // from where in the picture each patch of the hole gets its detail: x, y, and there; pixels
    const { f, w, h, gap, low } = this, seen = this.place(made), bank = this.bank ??= new Patches(low, gap, w, h), [l, t, r, b] = box(gap, w, h), out = []
    for (let near = 0, y = Math.max(0, t - SIDE + 1); y < Math.min(h - SIDE + 1, b); y += 2) for (let x = Math.max(0, l - SIDE + 1); x < Math.min(w - SIDE + 1, r); x += 2) {
      if (!bank.touch[y * w + x]) continue
      const from = bank.at[near = bank.nearest(bank.key(seen, y * w + x), near)]
      out.push([x * f, y * f, from % w * f, Math.floor(from / w) * f])
    }
    return out
  }

  detail(made) { // see `Window.enlarge`; what is finer than a guess's pixels comes from where the known part looks most like it
    const { data, window, f, L, T, w, rows, wide, pixel } = this, [l, t, r, b] = window.part, n = SIDE * f, lent = this.lend(made), out = window.enlarge(made)
    const hann = range(n, i => Math.sin(Math.PI * (i + .5) / n) ** 2), sum = new Float32Array(4 * w * f)
    for (let y = t - T, to = 0; y < b - T; y++) { // one row of pixels after the other
      sum.fill(0)
      for (const [px, py, sx, sy] of lent) if (py <= y && y < py + n) {
        const [first, [w0, w1 = 0, w2 = 0, w3 = 0]] = rows[sy + y - py], line = 3 * w * f, start = 4 * pixel(sx, sy + y - py), last = 4 * pixel(w * f, sy + y - py)
        for (let i = 0, o = first * line + 3 * sx, to = 4 * px; i < n; i++, to += 4) {
          const at = Math.min(start + 4 * i, last), weight = hann[y - py] * hann[i]
          for (let k = 0; k < 3; k++, o++) sum[to + k] += weight * (data[at + k] - byte(w0 * wide[o] + w1 * wide[o + line] + w2 * wide[o + 2 * line] + w3 * wide[o + 3 * line]))
          sum[to + 3] += weight
        }
      }
      for (let x = l - L; x < r - L; x++, to += 4) for (let k = 0; k < 3; k++) out[to + k] += sum[4 * x + k] / Math.max(sum[4 * x + 3], 1e-6)
    }
    return out
  }
}
