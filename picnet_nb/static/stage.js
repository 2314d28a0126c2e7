// The drawing surface: the picture, the hole over it, completions in it; fingers, pens, mice and keys; zoom.

import { clamp, h, svg } from './dom.js'
import { Bits, pixels, wand } from './bits.js'

const FINE = 1600           // cells of the hole along the longer side at least, so that its edge is smooth on small pictures
const CLICK = 5             // CSS pixels; a pointer that moves less has clicked

export const tools = { brush: 'Brush (B)', erase: 'Eraser (E)', rect: 'Rectangle (R)', lasso: 'Lasso (L): draw around, or click corners and press Enter',
  wand: 'Wand (W): all of like color, up to the next edge' }

export class Stage { // editor: has edited(patch), no patch if nothing has changed, step(by), resize(by), turn(by), looked(), see(box, side) and size, 0 to 1, of the tool
  constructor(editor) {
    this.editor = editor
    this.tool = 'brush'
    this.fingers = new Map()
    this.split = 0
    this.world = h('div', { class: 'pn-world' }, this.before = h('img', { alt: '', draggable: 'false' }), this.sharp = h('img', { alt: '', hidden: true }),
      this.after = h('div', { class: 'pn-after', hidden: true }, this.over = h('img', { alt: '' }), this.sharpAfter = h('img', { alt: '', hidden: true })))
    this.ink = h('canvas', { class: 'pn-ink' })
    this.ctx = this.ink.getContext('2d')
    this.outline = svg('polygon', {})
    this.ring = h('div', { class: 'pn-ring' })
    this.tag = h('div', { class: 'pn-tag', hidden: true })
    this.hint = h('div', { class: 'pn-hint' }, 'Paint over what should be replaced')
    this.handle = h('div', { class: 'pn-handle', role: 'slider', tabindex: 0, 'aria-label': 'Compare: how much of the picture before is shown', 'aria-valuemin': 0, 'aria-valuemax': 100,
      onpointerdown: e => { e.stopPropagation(); e.preventDefault(); this.handle.focus(); this.handle.setPointerCapture(e.pointerId) },
      onpointermove: e => this.handle.hasPointerCapture(e.pointerId) && this.setSplit(this.across(e)),
      onkeydown: e => {
        const by = { ArrowLeft: -.05, ArrowRight: .05, Home: -1, End: 1 }[e.key]
        if (by) { this.setSplit(this.split + by); e.preventDefault(); e.stopPropagation() }
      } }, h('span', {}))
    this.node = h('div', { class: 'pn-stage', tabindex: 0, role: 'application', 'data-tool': 'brush',
      onpointerdown: e => this.down(e), onpointermove: e => this.move(e), onpointerup: e => this.up(e), onpointercancel: e => this.lost(e),
      onlostpointercapture: e => this.up(e), onpointerleave: () => this.ring.classList.remove('pn-on'), oncontextmenu: e => this.act && e.preventDefault(),
      ondblclick: () => this.close(), onkeydown: e => this.key(e), onkeyup: e => e.key === ' ' && this.space(false),
      onblur: () => { this.space(false, false); this.settle(); this.ring.classList.remove('pn-on') } },
      this.world, this.ink, svg('svg', { class: 'pn-shape', 'aria-hidden': 'true' }, this.outline), this.ring, this.tag, this.hint, this.handle)
    this.node.addEventListener('wheel', e => this.wheel(e), { passive: false })
    for (const o of ['gesturestart', 'gesturechange']) this.node.addEventListener(o, e => this.gesture(e))
  }

  // --- the picture, the completion over it, and how much of them is seen

  setPicture(url, W, H, bits) {
    this.cancel()
    Object.assign(this, { W, H, cursor: [W / 2, H / 2], last: null, data: null, fitted: true })
    this.K = Math.max(1, Math.ceil(FINE / Math.max(W, H)))     // cells along a pixel
    this.bits = bits || new Bits(W * this.K, H * this.K)
    this.before.src = url
    this.sharp.hidden = this.sharpAfter.hidden = true
    this.node.setAttribute('aria-label', `The picture, ${W} by ${H} pixels. Paint over what should be replaced: with the mouse, a pen or a finger, or move with the arrow keys and paint with Space; Shift and arrow keys paint a line.`)
    this.layout()
  }

  show(shown) { // null: the hole; or the part of the picture that a completion differs in: { key, url, fine, box }
    const looking = !!shown
    if (looking && this.act?.kind === 'stroke') { this.act = null; this.done() }      // as far as it has come; it can be undone
    else if (looking && (this.shape || this.act?.kind === 'wand')) this.cancel()      // what would change a hole that is not seen
    this.node.classList.toggle('pn-looking', looking)
    this.after.hidden = this.handle.hidden = this.tag.hidden = !looking
    if (this.looking !== shown?.key) { this.sharpAfter.hidden = true; this.seeSoon() }
    this.looking = shown?.key
    if (!looking) { this.setSplit(0); this.drawInk(); return }
    this.put(this.over, shown.url, shown.box)
    if (shown.fine) this.over.decode().catch(() => {})
  }

  put(img, url, [l, t, r, b]) {
    if (img.src !== url) img.src = url
    img.hidden = false
    Object.assign(img.style, { left: l / this.W * 100 + '%', top: t / this.H * 100 + '%', width: (r - l) / this.W * 100 + '%', height: (b - t) / this.H * 100 + '%' })
  }

  layout() { // as wide as there is room, and as high as the window
    if (!this.W || !this.room?.clientWidth) return
    const wide = this.room.clientWidth, high = clamp(Math.round(wide * this.H / this.W), Math.min(320, wide), this.tallest())
    this.dpr = window.devicePixelRatio || 1
    if (wide !== this.w || high !== this.h) { this.node.style.height = high + 'px'; Object.assign(this, { w: wide, h: high }) }
    this.ink.width = Math.round(wide * this.dpr)
    this.ink.height = Math.round(high * this.dpr)
    this.least = Math.min(wide / this.W, high / this.H)
    if (this.fitted) this.view(0, 0, 0)
    else this.view(this.s, this.x, this.y)
  }

  get most() { return Math.max(16, 4 * this.least) }      // the largest zoom

  view(s, x, y) { // CSS pixels of a pixel of the picture, and where its corner is
    const { w, h: high, W, H } = this
    s = clamp(s, this.least, this.most)
    this.fitted = s <= this.least * 1.001
    const place = (at, size, all) => size <= all ? (all - size) / 2 : clamp(at, all - size, 0)
    Object.assign(this, { s, x: place(x, W * s, w), y: place(y, H * s, high) })
    Object.assign(this.world.style, { width: W * s + 'px', height: H * s + 'px', transform: `translate(${this.x}px, ${this.y}px)` })
    this.drawInk()
    this.drawShape()
    this.setSplit(this.split)
    this.setRing()
    this.seeSoon()
    this.editor.looked?.()
  }

  zoom(s, [x, y] = [this.w / 2, this.h / 2]) { // what is at (x, y) stays there
    s = clamp(s, this.least, this.most)
    this.view(s, x - (x - this.x) * s / this.s, y - (y - this.y) * s / this.s)
  }

  get percent() { return Math.round(this.s * this.dpr * 100) }    // 100: a pixel of the picture is one of the screen

  seeSoon() { // once the view rests: what a small picture of it does not show
    clearTimeout(this.seeing)
    this.seeing = setTimeout(() => {
      if (!this.W || !this.before.naturalWidth || this.s * this.dpr < 1.1 * this.before.naturalWidth / this.W || this.before.naturalWidth >= this.W) return
      const { s, x, y, w, h: high, W, H } = this
      const box = [clamp(Math.floor(-x / s), 0, W), clamp(Math.floor(-y / s), 0, H), clamp(Math.ceil((w - x) / s), 0, W), clamp(Math.ceil((high - y) / s), 0, H)]
      this.editor.see(box, Math.ceil(Math.max(box[2] - box[0], box[3] - box[1]) * Math.min(1, s * this.dpr)))
    }, 120)
  }

  setSplit(q) { // 0: all after, 1: all before, of what is seen of the picture
    this.split = q = clamp(q, 0, 1)
    if (!this.W) return
    const [l, r] = this.ends, at = l + q * (r - l)
    this.after.style.clipPath = q ? `inset(0 0 0 ${(at - this.x) / (this.W * this.s) * 100}%)` : ''
    this.handle.style.left = at + 'px'
    this.handle.setAttribute('aria-valuenow', Math.round(100 * q))
    this.handle.classList.toggle('pn-edge', !q)
  }

  get ends() { return [Math.max(this.x, 0), Math.min(this.x + this.W * this.s, this.w)] }      // of what is seen of the picture, across

  across(e) { const [l, r] = this.ends; return (this.local(e)[0] - l) / (r - l) }

  hold(on) { if (this.looking) this.node.classList.toggle('pn-holding', on) }

  // --- ink: what the screen shows of the hole's cells, a line where it ends and a tint in it

  set color(hex) {
    const [r, g, b] = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)), rgb = r | g << 8 | b << 16
    this.colors = [rgb | 115 << 24, rgb | 240 << 24]
    this.drawInk()
  }

  drawInk(cells = this.bits?.all) {
    if (!this.bits || this.looking || !this.ink.width || !this.colors) return
    const d = this.dpr, u = this.s * d / this.K, { width, height } = this.ink, { data, s, w: cw, h: ch } = this.bits, n = d < 1.5 ? 2 : 1, ox = this.x * d, oy = this.y * d
    const x0 = clamp(Math.floor(ox + cells.x0 * u) - 2, 0, width), x1 = clamp(Math.ceil(ox + cells.x1 * u) + 2, 0, width)
    const y0 = clamp(Math.floor(oy + cells.y0 * u) - 2, 0, height), y1 = clamp(Math.ceil(oy + cells.y1 * u) + 2, 0, height)
    if (!(x0 < x1 && y0 < y1)) return      // nothing to see, or not laid out yet
    if (this.bits.empty) return this.ctx.clearRect(x0, y0, x1 - x0, y1 - y0)
    const w = x1 - x0 + 2, high = y1 - y0 + 2, cover = new Uint8Array(w * high)      // with a rim of one
    const place = (from, size, o, most) => Int32Array.from({ length: size * n }, (_, i) => { const k = Math.floor((from - 1 + (i + .5) / n - o) / u); return k < most ? k : -1 })
    const xs = place(x0, w, ox, cw), ys = place(y0, high, oy, ch), one = 4 / (n * n)
    ys.forEach((cy, j) => {
      if (cy < 0) return
      for (let i = 0, at = Math.floor(j / n) * w; i < xs.length; i++) {
        const cx = xs[i]
        if (cx >= 0 && data[cy * s + (cx >> 3)] >> 7 - (cx & 7) & 1) cover[at + (n === 2 ? i >> 1 : i)] += one
      }
    })
    const image = new ImageData(w - 2, high - 2), out = new Uint32Array(image.data.buffer), [tint, line] = this.colors
    for (let y = 1, k = 0; y < high - 1; y++) for (let x = 1; x < w - 1; x++, k++) {
      const at = y * w + x, c = cover[at], l = cover[at - 1], r = cover[at + 1], t = cover[at - w], b = cover[at + w]
      if (c === l && c === r && c === t && c === b) { if (c) out[k] = tint; continue }
      out[k] = c > 2 ? line : 0xffffff | 50 * Math.max(c, l, r, t, b) << 24
    }
    this.ctx.putImageData(image, x0, y0)
  }

  change(f) { // a part of a change: only what it touches is drawn
    const was = this.bits.dirty
    this.bits.clean()
    f(this.bits)
    const d = this.bits.dirty
    this.drawInk(d)
    this.bits.dirty = { x0: Math.min(was.x0, d.x0), y0: Math.min(was.y0, d.y0), x1: Math.max(was.x1, d.x1), y1: Math.max(was.y1, d.y1) }
  }

  edit(f) { // a whole change, which can be undone; not in the midst of another
    if (this.act?.kind === 'stroke') return
    this.settle()
    this.bits.begin()
    this.change(f)
    this.done()
  }

  apply(patch) { this.settle(); this.bits.apply(patch); this.drawInk(patch) }

  done() { this.editor.edited(this.bits.end()) }

  settle() { // keys that follow each other closely are one change
    clearTimeout(this.typing)
    if (this.typing) { this.typing = null; this.done() }
  }

  // --- pointers

  setTool(tool) { this.cancel(); this.tool = this.node.dataset.tool = tool; this.setRing() }

  get diameter() { return Math.max(1, 2 * (Math.min(this.W, this.H) / 4) ** this.editor.size) }     // in equal steps of the ratio, to half of the shorter side

  setRing() {
    if (!this.W) return
    const px = this.tool === 'brush' || this.tool === 'erase' ? this.diameter * this.s : 13
    Object.assign(this.ring.style, { width: px + 'px', height: px + 'px', margin: `${-px / 2}px 0 0 ${-px / 2}px`,
      transform: `translate(${this.cursor[0] * this.s + this.x}px, ${this.cursor[1] * this.s + this.y}px)` })
  }

  ringAt(at) { this.cursor = at; this.setRing(); this.ring.classList.add('pn-on') }

  local(e) { const r = this.node.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top] }      // CSS pixels of the stage

  place(e) { const [x, y] = this.local(e); return [(x - this.x) / this.s, (y - this.y) / this.s] }      // pixels of the picture

  line(from, to, on) {
    const K = this.K, r = Math.max(this.diameter * K / 2, .75)
    this.change(o => o.capsule(from[0] * K, from[1] * K, to[0] * K, to[1] * K, r, on))
    if (on) this.hint.hidden = true
    this.last = to
  }

  down(e) {
    if (!this.W || e.pointerType === 'mouse' && e.button > 1) return
    if (this.pen(e) && this.fingers.size) { this.fingers.clear(); this.cancel() }      // the palm was there first
    if (e.pointerType === 'touch' && (this.act?.pen || e.timeStamp - this.penned < 1500)) return            // the palm of the hand that holds the pen
    e.preventDefault()
    this.node.focus({ preventScroll: true, focusVisible: false })
    try { this.node.setPointerCapture(e.pointerId) } catch { /* the pointer is gone already */ }
    if (e.pointerType === 'touch') {
      this.fingers.set(e.pointerId, e)
      if (this.fingers.size > 1) return this.pinch(e)
    }
    if (this.act || e.isPrimary === false) return
    if (this.dpr !== (window.devicePixelRatio || 1)) this.layout()       // moved to another screen
    this.settle()
    const at = this.place(e), base = { id: e.pointerId, pen: this.pen(e), from: [e.clientX, e.clientY], x: this.x, y: this.y }, K = this.K
    const on = this.tool !== 'erase' && !(e.buttons & 32) && !e.altKey           // 32: the other end of a pen
    if (this.spaced || e.button === 1) { this.act = { ...base, kind: 'pan' }; this.spaced &&= 'used'; return }
    if (this.looking) { this.act = { ...base, kind: 'look' }; this.hold(true); return }
    if (this.tool === 'wand') {
      if (e.pointerType !== 'touch') return this.magic(at, on)
      this.act = { ...base, kind: 'wand', at, on }      // another finger may come
      return
    }
    if (this.tool === 'rect' || this.tool === 'lasso') {
      this.act = { ...base, kind: 'shape', at }
      this.shape ||= { points: [], on }
      if (this.near(at)) return this.close()
      this.shape.points.push(at)
      return this.drawShape(at)
    }
    this.act = { ...base, kind: 'stroke', on }
    this.bits.begin()
    this.line(e.shiftKey && this.last || at, at, this.act.on)
  }

  move(e) {
    if (!this.W) return
    this.pen(e)
    if (e.pointerType === 'touch' && this.fingers.has(e.pointerId)) this.fingers.set(e.pointerId, e)
    const act = this.act, at = this.place(e)
    if (e.pointerType !== 'touch') this.ringAt(at)
    if (act?.kind === 'pinch') return this.pinched()
    if (!act || act.id !== e.pointerId) { if (this.shape) this.drawShape(at); return }
    const dx = e.clientX - act.from[0], dy = e.clientY - act.from[1]
    if (Math.hypot(dx, dy) > CLICK) act.moved = true
    if (act.kind === 'look' && act.moved && !this.fitted) { this.hold(false); act.kind = 'pan' }
    if (act.kind === 'pan') this.view(this.s, act.x + dx, act.y + dy)
    if (act.kind === 'stroke') {
      const all = e.getCoalescedEvents?.() || []     // what happened since the last frame
      for (const o of all.length ? all : [e]) this.line(this.last, this.place(o), act.on)
    }
    if (act.kind === 'shape') {
      if (this.tool === 'lasso' && act.moved) this.shape.points.push(at)
      this.drawShape(at)
    }
  }

  up(e) {
    this.pen(e)
    this.fingers.delete(e.pointerId)
    const act = this.act
    if (act?.kind === 'pinch') { if (!this.fingers.size) { this.act = null; if (!act.moved && e.timeStamp - act.since < 400) this.editor.step(act.fingers > 2 ? 1 : -1) } return }
    if (!act || act.id !== e.pointerId) return
    this.act = null
    this.hold(false)
    if (act.kind === 'stroke') this.done()
    if (act.kind === 'wand' && !act.moved) this.magic(act.at, act.on)
    if (act.kind === 'shape' && this.tool === 'rect') this.close(this.place(e))
    if (act.kind === 'shape' && this.tool === 'lasso' && act.moved && this.shape?.points[0] === act.at) this.close()
  }

  pen(e) { const is = e.pointerType === 'pen'; if (is) this.penned = e.timeStamp; return is }      // when it was seen last, also above the screen

  lost(e) { // the browser wants the pointer for itself
    this.fingers.delete(e.pointerId)
    if (this.act && (this.act.id ?? e.pointerId) === e.pointerId) this.cancel()
  }

  cancel() { // Escape, a second finger, a lost pointer
    const act = this.act
    this.act = this.shape = null
    this.drawShape()
    this.hold(false)
    if (act?.kind === 'stroke') { this.bits.cancel(); this.drawInk(); this.editor.edited() }
    else this.settle()
    return !!act
  }

  pinch(e) {
    if (this.act?.kind !== 'pinch') { this.cancel(); this.act = { kind: 'pinch', since: e.timeStamp, moved: false } }
    this.act.fingers = this.fingers.size
    const [mid, apart] = this.hand()
    Object.assign(this.act, { mid, apart, s: this.s, x: this.x, y: this.y })
  }
  hand() { // the middle of two fingers, on the stage, and how far they are apart
    const [[x, y], [u, v]] = [...this.fingers.values()].map(o => this.local(o))
    return [[(x + u) / 2, (y + v) / 2], Math.hypot(x - u, y - v)]
  }
  pinched() {
    if (this.fingers.size < 2) return
    const a = this.act, [mid, apart] = this.hand(), k = apart / a.apart
    if (Math.abs(apart - a.apart) > 10 || Math.hypot(mid[0] - a.mid[0], mid[1] - a.mid[1]) > 10) a.moved = true
    if (!a.moved) return
    const s = clamp(a.s * k, this.least, this.most)
    this.view(s, mid[0] - (a.mid[0] - a.x) * s / a.s, mid[1] - (a.mid[1] - a.y) * s / a.s)
  }

  wheel(e) {
    if (e.altKey) { this.turned = true; this.editor.resize(-Math.sign(e.deltaY || e.deltaX) * .03) }
    else if (e.ctrlKey || e.metaKey) this.zoomAt(e, this.s * Math.exp(-clamp(e.deltaY, -60, 60) / 150))
    else if (e.shiftKey && !this.fitted) this.view(this.s, this.x - (e.deltaX || e.deltaY), this.y)
    else return                                      // the page scrolls
    e.preventDefault()
  }

  gesture(e) { // two fingers on a Mac's trackpad, as Safari tells it
    e.preventDefault()
    if (e.type === 'gesturestart') this.start = this.s
    else if (!this.fingers.size) this.zoomAt(e, this.start * e.scale)
  }

  zoomAt(e, s) { this.zoom(s, this.local(e)) }

  // --- shapes

  near(at) { const [first] = this.shape.points; return this.tool === 'lasso' && this.shape.points.length > 2 && Math.hypot(at[0] - first[0], at[1] - first[1]) * this.s < 10 }

  corners(at) { // of the shape, with the pointer there
    const { points } = this.shape, [[x, y]] = points, [u, v] = at
    return this.tool === 'rect' ? [[x, y], [u, y], [u, v], [x, v]] : [...points, at]
  }

  drawShape(at = this.cursor) {
    this.outline.setAttribute('points', this.shape?.points.length ? this.corners(at).map(([x, y]) => `${x * this.s + this.x},${y * this.s + this.y}`).join(' ') : '')
  }

  close(at) { // the shape becomes hole
    if (!this.shape) return false
    const points = at ? this.corners(at) : this.shape.points, { on } = this.shape, K = this.K, size = i => Math.max(...points.map(o => o[i])) - Math.min(...points.map(o => o[i]))
    this.shape = this.act = null
    this.drawShape()
    if (points.length > 2 && size(0) >= 1 && size(1) >= 1) this.edit(o => o.polygon(points.map(p => [p[0] * K, p[1] * K]), on))
    return true
  }

  magic([x, y], on) {
    if (!(x >= 0 && y >= 0 && x < this.W && y < this.H && this.before.naturalWidth)) return
    this.data ||= pixels(this.before)
    const k = this.data.width / this.W, made = wand(this.data, Math.floor(x * k), Math.floor(y * k), this.editor.size)
    this.edit(o => o.join(made.resized(o.w, o.h), on))
  }

  // --- keys, while the stage has the focus

  space(on, paint = true) { // while it is pressed, the picture can be dragged, and the one before is shown; alone it paints
    if (on) { this.spaced ||= true; this.hold(true) } else {
      if (this.spaced === true && paint && !this.looking) this.dab()
      this.spaced = null
      this.hold(false)
    }
    this.node.classList.toggle('pn-pan', on)
  }

  dab(from = this.cursor) {
    if (this.tool === 'wand') return this.magic(this.cursor, true)
    if (this.tool === 'rect' || this.tool === 'lasso') {
      if (this.shape && this.tool === 'rect' || this.shape && this.near(this.cursor)) return this.close(this.cursor)
      this.shape ||= { points: [], on: 1 }
      this.shape.points.push(this.cursor)
      return this.drawShape()
    }
    if (!this.typing) this.bits.begin()
    clearTimeout(this.typing)
    this.typing = setTimeout(() => this.settle(), 800)
    this.line(from, this.cursor, this.tool === 'brush')
  }

  key(e) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key]
    if (e.target !== this.node || e.ctrlKey || e.metaKey || !this.W) return
    if (e.key === 'Enter' && this.shape) this.close()
    else if (e.altKey) return
    else if (e.key === ' ') this.space(true)
    else if (step && this.looking) this.editor.turn(step[0] + step[1])
    else if (step && !this.act) {
      const from = this.cursor, by = Math.max(this.diameter / 4, 1)
      this.ringAt([clamp(from[0] + step[0] * by, 0, this.W), clamp(from[1] + step[1] * by, 0, this.H)])
      if (this.shape) this.drawShape()
      else if (e.shiftKey && (this.tool === 'brush' || this.tool === 'erase')) this.dab(from)
    } else return
    e.preventDefault()
  }
}
