// The browser's half of CompletionWidget: painting the hole, the gallery, and looking closely.
// What is painted never leaves the browser during a stroke; the hole goes to Python as one PNG when the stroke is done.
// Every request to Python is a message {do: name, ...}; what Python knows comes back as the model's traits, see widget.py.

const LARGEST = 16e6          // pixels of the hole's canvas; more is refused by some browsers, so larger holes are sent smaller
const PART = 2 ** 21          // bytes; files travel in parts, as servers refuse long messages
const TALLEST = 560           // CSS pixels of the picture on the screen
const PATIENCE = 4000         // ms without any answer before we say so

const paths = {
  brush: 'M20 4 10.5 13.5M9 12.2c-2.9 0-3.9 1.9-3.9 3.7 0 1.6-.9 2.6-2 3.1 3.9 1.1 8.6.4 8.6-3.4 0-1.9-1-3.4-2.7-3.4z',
  erase: 'M4.6 15.4 13.5 6.5a2 2 0 0 1 2.8 0l3.2 3.2a2 2 0 0 1 0 2.8L12 20H8.2L4.6 16.8a1 1 0 0 1 0-1.4zM9.4 10.6l6 6M12 20h8',
  rect: 'M4 6.5h16v11H4z',
  undo: 'M8 5 4 9l4 4M4 9h10.5a5 5 0 0 1 0 10H10',
  redo: 'm16 5 4 4-4 4M20 9H9.5a5 5 0 0 0 0 10H14',
  invert: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 4v16M15 7v10M18 9v6',
  clear: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5',
  upload: 'M12 16V5M8 9l4-4 4 4M5 15v4h14v-4',
  download: 'M12 4v11M8 11l4 4 4-4M5 16v4h14v-4',
  back: 'm14 6-6 6 6 6', next: 'm10 6 6 6-6 6',
  keep: 'M7 4h10v16l-5-4-5 4z',
  like: 'M12 3.5l1.9 5.1 5.1 1.9-5.1 1.9L12 17.5l-1.9-5.1L5 10.5l5.1-1.9zM18.5 16v5M16 18.5h5',
  between: 'M3.5 7h5v10h-5zM15.5 7h5v10h-5zM10 12h4',
  use: 'M5 12.5l5 5L19 7',
  stop: 'M7 7h10v10H7z',
  close: 'M6 6l12 12M18 6 6 18',
  complete: 'M10 4l1.7 4.3L16 10l-4.3 1.7L10 16l-1.7-4.3L4 10l4.3-1.7zM17.5 14l1 2.5 2.5 1-2.5 1-1 2.5-1-2.5-2.5-1 2.5-1z',
}

function h(tag, attrs, ...kids) {
  const e = document.createElement(tag)
  for (const [k, v] of Object.entries(attrs || {})) {
    if (typeof v === 'function') e.addEventListener(k.slice(2), v)
    else if (v === true) e.setAttribute(k, '')
    else if (v !== false && v != null) e.setAttribute(k, v)
  }
  e.append(...kids.flat().filter(o => o != null))
  return e
}

function icon(name) {
  const make = (tag, attrs) => {
    const e = document.createElementNS('http://www.w3.org/2000/svg', tag)
    for (const [k, v] of Object.entries(attrs)) e.setAttribute(k, v)
    return e
  }
  const svg = make('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' })
  svg.append(make('path', { d: paths[name] }))
  return svg
}

// --- the hole: a list of operations, which can be drawn again at any size

function paint(ctx, op, k, color) { // k: canvas pixels for one pixel of the picture
  const { width: w, height: h } = ctx.canvas
  ctx.globalCompositeOperation = op.erase ? 'destination-out' : 'source-over'
  ctx.fillStyle = ctx.strokeStyle = color
  if (op.kind === 'stroke') for (let i = 0; i < op.points.length; i++) segment(ctx, op, i, k)
  if (op.kind === 'rect') ctx.fillRect(op.x * k, op.y * k, op.w * k, op.h * k)
  if (op.kind === 'clear') ctx.clearRect(0, 0, w, h)
  if (op.kind === 'invert') { ctx.globalCompositeOperation = 'source-out'; ctx.fillRect(0, 0, w, h) }
  if (op.kind === 'bitmap') {
    ctx.clearRect(0, 0, w, h)
    ctx.imageSmoothingEnabled = w < op.canvas.width
    ctx.drawImage(op.canvas, 0, 0, w, h)
    ctx.globalCompositeOperation = 'source-in'
    ctx.fillRect(0, 0, w, h)
  }
  ctx.globalCompositeOperation = 'source-over'
}

function segment(ctx, op, i, k) { // from point i - 1 to point i: a line with round ends, so that nothing is left out
  const [x, y] = op.points[i], [u, v] = op.points[Math.max(i - 1, 0)]
  ctx.beginPath()
  if (x === u && y === v) { ctx.arc(x * k, y * k, op.size * k / 2, 0, 7); ctx.fill(); return }
  ctx.lineWidth = op.size * k
  ctx.lineCap = 'round'
  ctx.moveTo(u * k, v * k)
  ctx.lineTo(x * k, y * k)
  ctx.stroke()
}

const sameBytes = (a, b) => {
  if (!a || !b || a.byteLength !== b.byteLength) return false
  const x = new Uint8Array(a.buffer, a.byteOffset, a.byteLength), y = new Uint8Array(b.buffer, b.byteOffset, b.byteLength)
  return x.every((o, i) => o === y[i])
}

const dim = (button, is) => button.setAttribute('aria-disabled', String(is))    // not `disabled`, which would drop the focus

const wait = img => new Promise((done, fail) => { img.onload = () => done(img); img.onerror = () => fail(new Error('a picture could not be shown')) })

class View {
  constructor(model, root) {
    this.model = model
    this.tool = 'brush'
    this.mouse = [.5, .5]     // of the cursor, in parts of the picture: for the keyboard
    this.large = new Map()    // round:number -> URL of the large picture
    this.asked = new Set()
    this.urls = new Set()
    this.offs = []
    this.build(root)
    this.on('change:_picture', () => this.setPicture())
    this.on('change:_mask', () => this.maskFromPython())
    this.on('change:_gallery', () => { this.pairing = false; this.showGallery() })
    this.on('change:kept', () => this.showKept())
    for (const o of ['name', '_samples', '_earlier']) this.on('change:' + o, () => this.showName())
    this.on('change:selected', () => this.showSelected())
    this.on('change:status', () => this.showStatus())
    for (const o of ['n', 'temperature', 'seed', 'model']) this.on('change:' + o, () => this.showSettings())
    this.on('msg:custom', (msg, buffers) => this.receive(msg, buffers))
    this.setPicture()
    this.showName()
    this.showSettings()
    this.showGallery()
    this.showStatus()
  }

  on(event, f) {
    const g = (...args) => { clearTimeout(this.timer); f(...args) }
    this.model.on(event, g)
    this.offs.push(() => this.model.off(event, g))
  }

  close() {
    clearTimeout(this.timer)
    this.sizes.disconnect()
    window.removeEventListener('keydown', this.guard, true)
    this.offs.forEach(f => f())
    this.urls.forEach(o => URL.revokeObjectURL(o))
  }

  say(what, args = {}, buffers = []) {
    if (!this.send({ do: what, ...args }, buffers)) return
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.tell('error', 'The kernel has not answered yet. It may be busy with another cell, or not running.'), PATIENCE)
  }

  send(message, buffers) {
    try { this.model.send(message, undefined, buffers); return true }
    catch { this.tell('error', 'The kernel was restarted: run the cell again.'); return false }     // the way to it is closed
  }

  set(name, value) { this.model.set(name, value); this.model.save_changes() }

  url(bytes, type = 'image/png') {
    const o = URL.createObjectURL(new Blob([bytes], { type }))
    this.urls.add(o)
    return o
  }

  // --- what it is made of

  build(root) {
    const button = (name, label, act, { icon: sign = name, ...more } = {}) =>
      h('button', { type: 'button', class: 'pn-icon', 'aria-label': label, title: label, 'data-do': name, onclick: act, ...more }, icon(sign))
    const worded = (name, label, act, { icon: sign = name, ...more } = {}) =>
      h('button', { type: 'button', class: 'pn-word', 'data-do': name, onclick: act, ...more }, icon(sign), h('span', {}, label))
    const file = (accept, act) => h('input', { type: 'file', accept, hidden: true, tabindex: -1, 'aria-hidden': 'true',
      onchange: e => { if (e.target.files[0]) act(e.target.files[0]); e.target.value = '' } })
    const group = (label, ...kids) => h('div', { class: 'pn-group', role: 'group', 'aria-label': label }, ...kids)

    this.pictureFile = file('image/*', f => this.upload(f, 'image'))
    this.maskFile = file('image/*', f => this.upload(f, 'mask'))
    this.samples = h('select', { class: 'pn-field', 'aria-label': 'Picture', onchange: () => this.samples.value && this.say('sample', { name: this.samples.value }) })
    this.backButton = button('earlier', 'Back to the picture before', () => this.say('back'), { icon: 'back', hidden: true })
    this.tools = {}
    for (const [name, label] of [['brush', 'Brush (B)'], ['erase', 'Eraser (E)'], ['rect', 'Rectangle (R)']])
      this.tools[name] = button(name, label, () => this.setTool(name), { 'aria-pressed': String(name === 'brush') })
    this.size = h('input', { type: 'range', min: 0, max: 100, step: 'any', value: 50, 'aria-label': 'Brush size, also [ and ]', title: 'Brush size: [ and ]',
      oninput: () => this.setSize() })
    this.sizeText = h('output', { class: 'pn-px' })
    this.undoButton = button('undo', 'Undo (Ctrl Z)', () => this.step(-1))
    this.redoButton = button('redo', 'Redo (Ctrl Shift Z)', () => this.step(1))

    this.bar = h('div', { class: 'pn-bar', role: 'group', 'aria-label': 'Picture and drawing' }, h('div', { class: 'pn-tools' },
      group('Picture', this.samples, worded('open', 'Open', () => this.pictureFile.click(), { icon: 'upload', title: 'Open a picture; or drop one on the widget' }), this.backButton, this.pictureFile),
      group('Tool', ...Object.values(this.tools)),
      group('Size', h('label', { class: 'pn-slider' }, this.size, this.sizeText)),
      group('History', this.undoButton, this.redoButton),
      group('Hole', button('invert', 'Invert the hole', () => this.add({ kind: 'invert' })), button('clear', 'Clear the hole', () => this.add({ kind: 'clear' }))),
      group('Mask file', h('span', { class: 'pn-label' }, 'Mask'), button('mask-in', 'Open a mask, white where to fill', () => this.maskFile.click(), { icon: 'upload' }),
        button('mask-out', 'Save the mask as PNG', () => this.saveMask(), { icon: 'download' }), this.maskFile)))

    this.before = h('img', { class: 'pn-before', alt: '', draggable: 'false' })
    this.after = h('img', { class: 'pn-after', alt: '', draggable: 'false', hidden: true })
    this.ink = h('canvas', { class: 'pn-ink' })
    this.ring = h('div', { class: 'pn-ring' })
    this.box = h('div', { class: 'pn-box', hidden: true })
    this.wipeLine = h('div', { class: 'pn-wipe', hidden: true })
    this.tag = h('div', { class: 'pn-tag', hidden: true })
    this.hint = h('div', { class: 'pn-hint' }, 'Paint over what should be replaced')
    this.stage = h('div', { class: 'pn-stage', tabindex: 0, role: 'application', 'data-tool': 'brush',
      onpointerdown: e => this.down(e), onpointermove: e => this.move(e), onpointerup: e => this.up(e), onpointercancel: () => this.cancel(),
      onlostpointercapture: e => this.up(e), onpointerleave: () => this.ring.classList.remove('pn-on'), oncontextmenu: e => this.stroke && e.preventDefault(),
      onkeydown: e => this.stageKey(e), onkeyup: e => { if (e.key === ' ') this.hold(false) }, onblur: () => { this.hold(false); this.ring.classList.remove('pn-on') } },
      this.before, this.after, this.ink, this.box, this.wipeLine, this.ring, this.tag, this.hint)
    this.ctx = this.ink.getContext('2d')

    this.holdButton = h('button', { type: 'button', class: 'pn-word', 'data-do': 'hold', title: 'Hold to see the picture before; pressing on the picture does the same',
      onpointerdown: () => this.hold(true), onpointerup: () => this.hold(false), onpointerleave: () => this.hold(false), onblur: () => this.hold(false),
      onkeydown: e => [' ', 'Enter'].includes(e.key) && this.hold(true), onkeyup: () => this.hold(false) }, h('span', {}, 'Before'))
    this.wipe = h('input', { type: 'range', min: 0, max: 100, value: 0, 'aria-label': 'Before and after: how much of the picture before is shown', title: 'Before / after', oninput: () => this.showWipe() })
    this.walk = h('input', { type: 'range', min: 0, max: 8, value: 0, 'aria-label': 'In between: from one completion to the other', oninput: () => this.select(+this.walk.value) })
    this.walkRow = h('label', { class: 'pn-walk', hidden: true }, h('span', {}, 'from'), this.walk, h('span', {}, 'to'))
    this.keepButton = worded('keep', 'Keep', () => this.keep(this.model.get('selected')))
    this.betweenButton = worded('between', 'In between', () => { this.pairing = !this.pairing; this.showSelected() }, { title: 'Walk from this completion to another one' })
    this.actions = h('div', { class: 'pn-actions', role: 'group', 'aria-label': 'This completion', hidden: true },
      worded('draw', 'Draw', () => this.select(null), { icon: 'back', title: 'Back to drawing (Esc)' }),
      h('div', { class: 'pn-compare' }, this.holdButton, this.wipe), h('div', { class: 'pn-more' }, worded('like', 'More like this', () => this.say('vary', { i: this.model.get('selected') })), this.betweenButton, this.keepButton,
      worded('use', 'Use as picture', () => this.say('use', { i: this.model.get('selected') }), { title: 'Go on with this completion as the picture' }),
      worded('download', 'PNG', () => this.say('download', { i: this.model.get('selected') }), { 'aria-label': 'Download this completion as PNG, in full size', title: 'Download as PNG, in full size' })))

    const field = (label, ...kids) => h('label', { class: 'pn-row' }, h('span', {}, label), ...kids)
    this.n = h('input', { type: 'range', min: 1, max: 32, 'aria-label': 'Samples', title: 'How many completions', onchange: () => this.set('n', +this.n.value), oninput: () => { this.nText.value = this.n.value } })
    this.nText = h('output')
    this.temperature = h('input', { type: 'range', min: 0, max: 1.5, step: .05, 'aria-label': 'Variety', title: 'Temperature: 0 no variety, 1 as trained', onchange: () => this.set('temperature', +this.temperature.value),
      oninput: () => { this.temperatureText.value = (+this.temperature.value).toFixed(2) } })
    this.temperatureText = h('output')
    this.fixed = h('input', { type: 'checkbox', 'aria-label': 'Fixed seed', onchange: () => this.setSeed() })
    this.seed = h('input', { type: 'number', class: 'pn-field', min: 0, step: 1, 'aria-label': 'Seed', onchange: () => this.setSeed() })
    this.modelField = h('input', { type: 'text', class: 'pn-field', placeholder: 'bundled', spellcheck: 'false', 'aria-label': 'Model: empty for the bundled weights, or a folder, a file or a hub name',
      onchange: () => this.set('model', this.modelField.value.trim()) })
    this.go = h('button', { type: 'button', class: 'pn-go', 'data-do': 'complete', onclick: () => this.complete() }, icon('complete'), h('span', {}, 'Complete'))
    this.stopButton = h('button', { type: 'button', class: 'pn-word', 'data-do': 'stop', hidden: true, onclick: () => this.say('stop') }, icon('stop'), h('span', {}, 'Stop'))
    this.progress = h('progress', { class: 'pn-progress', max: 1, value: 0, 'aria-label': 'Progress', hidden: true })
    this.status = h('p', { class: 'pn-status', role: 'status', 'aria-live': 'polite' })
    this.settings = h('section', { class: 'pn-settings', 'aria-label': 'Settings' },
      field('Samples', this.n, this.nText), field('Variety', this.temperature, this.temperatureText),
      h('div', { class: 'pn-row' }, h('span', {}, 'Seed'), h('label', { class: 'pn-check' }, this.fixed, h('span', {}, 'fixed')), this.seed),
      field('Model', this.modelField),
      h('div', { class: 'pn-run' }, this.go, worded('learn', 'Learn first', () => this.complete('adapt'), { icon: 'like', title: 'Learn from this photograph for two minutes, then complete' }), this.stopButton), this.progress, this.status)

    this.title = h('h3', {}, '')
    this.previous = button('previous', 'Round before', () => this.turn(-1), { icon: 'back' })
    this.following = button('following', 'Next round', () => this.turn(1), { icon: 'next' })
    this.all = button('all', 'Download all of this round as PNG files, in full size', () => this.say('download', {}), { icon: 'download' })
    this.list = h('ul', { class: 'pn-list', 'aria-label': 'Completions' })
    this.empty = h('p', { class: 'pn-empty' }, 'Completions appear here: each is another way to fill the hole.')
    this.keptTitle = h('h3', {}, 'Kept')
    this.keptList = h('ul', { class: 'pn-list pn-small', 'aria-label': 'Kept completions' })
    this.gallery = h('section', { class: 'pn-gallery', 'aria-label': 'Gallery' },
      this.head = h('div', { class: 'pn-head' }, this.title, this.previous, this.following, this.all), this.empty, this.list, this.keptTitle, this.keptList)

    this.room = h('div', { class: 'pn-room' }, this.stage)
    this.root = h('div', { class: 'picnet', onkeydown: e => this.key(e),
      ondragover: e => { e.preventDefault(); e.stopPropagation(); this.root.classList.add('pn-drop') },
      ondragleave: e => { if (!this.root.contains(e.relatedTarget)) this.root.classList.remove('pn-drop') },
      ondrop: e => { e.preventDefault(); e.stopPropagation(); this.root.classList.remove('pn-drop'); const f = e.dataTransfer.files[0]; if (f) this.upload(f, 'image') } },
      this.bar, h('div', { class: 'pn-main' }, h('div', { class: 'pn-left' }, this.room, this.walkRow, this.actions), h('div', { class: 'pn-side' }, this.settings, this.gallery)))
    root.append(this.outer = h('div', { class: 'pn-outer' }, this.root))
    // Notebooks look for keys at the document, some before us, except where this attribute is: at the target itself, too, where they
    // test it before they walk up. The window is still before that; in a shadow root, the path has what the target hides.
    this.guard = e => {
      const path = e.composedPath()
      if (path.includes(this.root)) for (const o of [path[0], this.root]) o.toggleAttribute('data-lm-suppress-shortcuts', this.mine(e))
    }
    window.addEventListener('keydown', this.guard, true)
    this.sizes = new ResizeObserver(() => this.fit())
    this.sizes.observe(this.room)
  }

  // --- the picture

  async setPicture() {
    const bytes = this.model.get('_picture'), mask = this.model.get('_mask'), size = this.model.get('_size')
    this.stroke = null
    if (!bytes.byteLength) return
    ;[this.W, this.H] = size
    this.k = Math.min(1, Math.sqrt(LARGEST / (this.W * this.H)))
    this.mask = h('canvas', { width: Math.max(1, Math.round(this.W * this.k)), height: Math.max(1, Math.round(this.H * this.k)) })
    this.maskCtx = this.mask.getContext('2d', { willReadFrequently: true })
    this.ops = []; this.at = 0; this.png = null
    this.picture = this.url(bytes, 'image/*')
    this.before.src = this.picture
    this.stage.setAttribute('aria-label', `The picture, ${this.W} by ${this.H} pixels. Paint over what should be replaced: with the mouse, a pen or a finger, or move with the arrow keys and paint with Space; Shift and arrow keys paint a line.`)
    this.fit()
    this.setSize()
    this.seen = null
    await this.maskFromPython(mask)
    this.showSelected()
  }

  get looking() { const g = this.model.get('_gallery'), i = this.model.get('selected'); return i != null && i < (g.thumbs || []).length }

  showName() {
    const name = this.model.get('name'), all = this.model.get('_samples')
    this.samples.replaceChildren(...(all.includes(name) ? [] : [h('option', { value: '' }, name || 'your picture')]), ...all.map(o => h('option', { value: o }, o.replace('_', ' '))))
    this.samples.value = all.includes(name) ? name : ''
    this.backButton.hidden = !this.model.get('_earlier')
  }

  fit() { // as large as there is room; a completion of an earlier round may have another shape than the picture
    if (!this.W) return
    const [W, H] = this.looking ? this.model.get('_gallery').size : [this.W, this.H], scale = Math.min(this.room.clientWidth / W, TALLEST / H)
    const w = Math.max(1, Math.round(W * scale)), hh = Math.max(1, Math.round(H * scale)), dpr = window.devicePixelRatio || 1
    this.stage.style.width = w + 'px'
    this.stage.style.height = hh + 'px'
    if (this.looking || !this.room.clientWidth) return
    if (this.ink.width !== Math.round(w * dpr) || this.ink.height !== Math.round(hh * dpr)) {
      this.ink.width = Math.round(w * dpr)
      this.ink.height = Math.round(hh * dpr)
    }
    this.redraw()
    this.setSize()
  }

  get scale() { return this.ink.width / this.W }
  get color() { return getComputedStyle(this.root).getPropertyValue('--ink').trim() || '#09f' }
  get bare() { return !this.ops.slice(0, this.at).length || this.ops[this.at - 1].kind === 'clear' }

  redraw() {
    this.ctx.clearRect(0, 0, this.ink.width, this.ink.height)
    const color = this.color
    for (const op of this.ops.slice(0, this.at)) paint(this.ctx, op, this.scale, color)
    this.showHistory()
  }

  redrawMask() {
    this.maskCtx.clearRect(0, 0, this.mask.width, this.mask.height)
    for (const op of this.ops.slice(0, this.at)) paint(this.maskCtx, op, this.k, '#fff')
  }

  // --- drawing

  setTool(tool) {
    this.tool = tool
    for (const [k, b] of Object.entries(this.tools)) b.setAttribute('aria-pressed', String(k === tool))
    this.stage.dataset.tool = tool
    if (this.looking) this.select(null)
  }

  get diameter() { // pixels of the picture: from 2 to half of its shorter side, in equal steps of the ratio
    return Math.max(1, 2 * (Math.min(this.W, this.H) / 4) ** (this.size.value / 100))
  }

  setSize() {
    if (!this.W) return
    const d = this.diameter, px = d * this.stage.clientWidth / this.W
    this.sizeText.value = `${Math.round(d)} px`
    this.size.setAttribute('aria-valuetext', `${Math.round(d)} pixels`)
    this.ring.style.width = this.ring.style.height = px + 'px'
    this.ring.style.margin = `${-px / 2}px 0 0 ${-px / 2}px`
  }

  place(e) { // of a pointer, in pixels of the picture
    const r = this.stage.getBoundingClientRect()
    return [(e.clientX - r.left) / r.width * this.W, (e.clientY - r.top) / r.height * this.H]
  }

  ringAt(x, y) {
    this.mouse = [x / this.W, y / this.H]
    this.ring.style.transform = `translate(${this.mouse[0] * this.stage.clientWidth}px, ${this.mouse[1] * this.stage.clientHeight}px)`
    this.ring.classList.add('pn-on')
  }

  down(e) {
    if (this.stroke || e.pointerType === 'mouse' && e.button !== 0) return
    e.preventDefault()
    this.stage.focus({ preventScroll: true })
    try { this.stage.setPointerCapture(e.pointerId) } catch { /* the pointer is gone already */ }
    if (this.looking) { this.holder = e.pointerId; this.hold(true); return }
    if (this.ink.width !== Math.round(this.stage.clientWidth * (window.devicePixelRatio || 1))) this.fit()   // moved to another screen
    this.pointer = e.pointerId
    const [x, y] = this.place(e), erase = this.tool === 'erase' || (e.buttons & 32) > 0     // 32: the other end of a pen
    this.stroke = this.tool === 'rect' && !erase ? { kind: 'rect', from: [x, y], x, y, w: 0, h: 0 } : { kind: 'stroke', erase, size: this.diameter, points: [] }
    this.strokeColor = this.color
    this.extend([e])
  }

  move(e) {
    if (this.looking) return
    if (this.stroke && e.pointerId === this.pointer) {
      const all = e.getCoalescedEvents ? e.getCoalescedEvents() : []     // what happened since the last frame
      this.extend(all.length ? all : [e])
    }
    if (e.pointerType !== 'touch') this.ringAt(...this.place(e))
  }

  extend(events) {
    const op = this.stroke
    if (op.kind === 'rect') {
      const [x, y] = this.place(events.at(-1)), [u, v] = op.from, lim = (o, n) => Math.min(Math.max(o, 0), n)
      Object.assign(op, { x: lim(Math.min(x, u), this.W), y: lim(Math.min(y, v), this.H) })
      Object.assign(op, { w: lim(Math.max(x, u), this.W) - op.x, h: lim(Math.max(y, v), this.H) - op.y })
      const c = this.stage.clientWidth / this.W
      Object.assign(this.box.style, { left: op.x * c + 'px', top: op.y * c + 'px', width: op.w * c + 'px', height: op.h * c + 'px' })
      this.box.hidden = false
      return
    }
    this.ctx.globalCompositeOperation = op.erase ? 'destination-out' : 'source-over'
    this.ctx.fillStyle = this.ctx.strokeStyle = this.strokeColor
    for (const e of events) {
      op.points.push(this.place(e))
      segment(this.ctx, op, op.points.length - 1, this.scale)
    }
    this.ctx.globalCompositeOperation = 'source-over'
    if (!op.erase) this.hint.hidden = true
  }

  up(e) {
    if (this.holder === e.pointerId) { this.holder = null; this.hold(false) }
    if (!this.stroke || e.pointerId !== this.pointer) return
    const op = this.stroke
    this.stroke = null
    this.box.hidden = true
    if (op.kind === 'rect' && (op.w < 1 || op.h < 1)) return
    this.add(op, op.kind === 'stroke')
  }

  cancel() { // the browser wants the fingers for itself, to zoom
    this.holder = null
    this.hold(false)
    this.stroke = null
    this.box.hidden = true
    if (this.W) this.redraw()
  }

  add(op, drawn = false) {
    if (this.looking) this.select(null)
    this.ops.length = this.at
    this.ops.push(op)
    this.at++
    if (!drawn) paint(this.ctx, op, this.scale, this.color)
    paint(this.maskCtx, op, this.k, '#fff')
    this.changed()
  }

  step(by) {
    if (this.looking) this.select(null)
    if (this.at + by < 0 || this.at + by > this.ops.length || this.stroke) return
    this.at += by
    this.redraw()
    this.redrawMask()
    this.changed()
  }

  showHistory() {
    dim(this.undoButton, this.at < 1)
    dim(this.redoButton, this.at >= this.ops.length)
    this.hint.hidden = !this.bare || this.looking
  }

  changed() {
    this.showHistory()
    this.png = null
    this.encode().then(png => {
      if (png !== this.png) return                     // painted on in the meantime
      this.seen = new DataView(png.buffer)
      this.set('_mask', this.seen)
    })
  }

  encode() { // the hole as PNG, white on black
    if (this.png) return Promise.resolve(this.png)
    if (this.encoding && this.encodingOps === this.at && this.encodingOf === this.ops[this.at - 1]) return this.encoding
    const c = h('canvas', { width: this.mask.width, height: this.mask.height }), ctx = c.getContext('2d')
    ctx.fillRect(0, 0, c.width, c.height)
    ctx.drawImage(this.mask, 0, 0)
    const at = this.at, of = this.ops[at - 1]
    this.encodingOps = at; this.encodingOf = of
    return this.encoding = new Promise(done => c.toBlob(done, 'image/png')).then(o => o.arrayBuffer()).then(o => {
      const png = new Uint8Array(o)
      if (at === this.at && of === this.ops[at - 1]) this.png = png
      this.encoding = null
      return png
    })
  }

  async maskFromPython(bytes = this.model.get('_mask')) {
    if (bytes === this.seen || sameBytes(bytes, this.seen)) return
    this.seen = bytes
    if (!bytes.byteLength) { if (this.ops.length) this.add_({ kind: 'clear' }); this.redraw(); return }
    const img = new Image(), loaded = wait(img)
    img.src = this.url(bytes)
    try { await loaded } catch (e) { this.tell('error', e.message); return }
    if (this.seen !== bytes) return
    const canvas = h('canvas', { width: img.naturalWidth, height: img.naturalHeight }), ctx = canvas.getContext('2d')
    ctx.drawImage(img, 0, 0)
    const data = ctx.getImageData(0, 0, canvas.width, canvas.height)
    for (let i = 0; i < data.data.length; i += 4) data.data[i + 3] = data.data[i]          // white becomes paint, black nothing
    ctx.putImageData(data, 0, 0)
    this.add_({ kind: 'bitmap', canvas })
  }

  add_(op) { // an operation that Python knows already
    this.ops.length = this.at
    this.ops.push(op)
    this.at++
    this.png = null
    this.redraw()
    this.redrawMask()
  }

  async saveMask() { this.save(this.url(await this.encode()), 'mask.png') }

  save(url, name) {
    const a = h('a', { href: url, download: name, hidden: true })
    this.root.append(a)
    a.click()
    a.remove()
  }

  async upload(file, as) {
    this.tell('busy', `Opening ${file.name} ...`)
    const data = await file.arrayBuffer(), parts = Math.max(1, Math.ceil(data.byteLength / PART))
    for (let part = 0; part < parts; part++)
      this.say('upload', { name: file.name, to: as, part, parts }, [new Uint8Array(data.slice(part * PART, (part + 1) * PART))])
  }

  // --- keys

  mine(e) { return !(e.ctrlKey || e.metaKey) || ['z', 'y', 'enter'].includes(e.key.toLowerCase()) }     // Ctrl S and the like are the notebook's

  key(e) {
    if (!this.mine(e)) return
    e.stopPropagation()                                 // the notebook has its own plans with B, Z and the like
    const typing = e.target.matches('input:not([type=range]):not([type=checkbox]), select'), ctrl = e.ctrlKey || e.metaKey
    if (e.key === 'Escape') { if (this.pairing) { this.pairing = false; this.showSelected() } else if (this.looking) this.select(null); return }
    if (typing) { if (e.key === 'Enter') e.target.blur(); return }
    if (ctrl && e.key === 'Enter') { this.complete(); e.preventDefault(); return }
    if (ctrl && e.key.toLowerCase() === 'z') { this.step(e.shiftKey ? 1 : -1); e.preventDefault(); return }
    if (ctrl && e.key.toLowerCase() === 'y') { this.step(1); e.preventDefault(); return }
    if (ctrl || e.altKey) return
    if (e.key === '[' || e.key === ']') { this.size.value = +this.size.value + (e.key === '[' ? -5 : 5); this.setSize(); e.preventDefault() }
    const tool = { b: 'brush', e: 'erase', r: 'rect' }[e.key.toLowerCase()]
    if (tool) { this.setTool(tool); e.preventDefault() }
  }

  stageKey(e) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key], looking = this.looking
    if (looking && e.key === ' ') { this.hold(true); e.preventDefault() }
    if (looking && step) { // through the gallery
      const n = this.model.get('_gallery').thumbs.length
      this.select(Math.min(Math.max(this.model.get('selected') + step[0] + step[1], 0), n - 1))
      e.preventDefault()
    }
    if (looking || !(step || e.key === ' ') || this.stroke || e.ctrlKey || e.metaKey || e.altKey) return
    e.preventDefault()
    const from = [this.mouse[0] * this.W, this.mouse[1] * this.H], by = this.diameter / 4
    const to = step ? [Math.min(Math.max(from[0] + step[0] * by, 0), this.W), Math.min(Math.max(from[1] + step[1] * by, 0), this.H)] : from
    this.ringAt(...to)
    if (!step || e.shiftKey) this.add({ kind: 'stroke', erase: this.tool === 'erase', size: this.diameter, points: [from, to] })
  }

  // --- completing

  async complete(how = 'complete') {
    if (this.stroke) return
    const png = await this.encode(), seed = this.fixed.checked ? +this.seed.value : null
    this.say(how, { n: +this.n.value, temperature: +this.temperature.value, seed, model: this.modelField.value.trim() }, [png])
  }

  setSeed() {
    if (this.fixed.checked && this.seed.value === '') this.seed.value = this.model.get('_gallery').seed ?? 0
    this.seed.disabled = !this.fixed.checked
    this.set('seed', this.fixed.checked ? Math.max(0, Math.round(+this.seed.value)) : null)
  }

  showSettings() {
    this.nText.value = this.n.value = this.model.get('n')
    this.temperature.value = this.model.get('temperature')
    this.temperatureText.value = this.model.get('temperature').toFixed(2)
    const seed = this.model.get('seed')
    this.fixed.checked = seed != null
    this.seed.disabled = seed == null
    this.seed.value = seed ?? this.model.get('_gallery').seed ?? ''
    this.modelField.value = this.model.get('model')
  }

  showStatus() { const s = this.model.get('status'); this.tell(s.state, s.text, s.done, s.total) }

  tell(state, text = '', done = 0, total = 0) {
    const busy = state === 'busy'
    this.root.dataset.state = state || 'empty'
    this.root.setAttribute('aria-busy', String(busy))
    this.status.textContent = text
    this.status.setAttribute('role', state === 'error' ? 'alert' : 'status')
    this.stopButton.hidden = !busy || !total
    this.go.lastChild.textContent = busy && total ? 'Complete anew' : 'Complete'
    this.progress.hidden = !busy
    if (total && done) { this.progress.max = total; this.progress.value = done } else this.progress.removeAttribute('value')
  }

  // --- the gallery

  thumb(o, label, caption, act) {
    const src = this.url(o, 'image/*'), img = h('img', { src, alt: '', draggable: 'false', onload: () => { URL.revokeObjectURL(src); this.urls.delete(src) } })
    return h('button', { type: 'button', class: 'pn-thumb', 'aria-label': label, title: label, onclick: act }, img, h('span', { class: 'pn-cap' }, ...caption.map(c => h('span', {}, c))))
  }

  keep(i) {
    const { round } = this.model.get('_gallery')
    this.say(this.kept(round, i) ? 'forget' : 'keep', { round, i })
  }

  kept(round, i) { return this.model.get('kept').some(o => o.round === round && o.i === i) }

  showGallery() {
    const g = this.model.get('_gallery'), rounds = g.rounds || 0
    this.list.replaceChildren(...(g.thumbs || []).map((o, i) => h('li', {},
      this.thumb(o, `Completion ${i + 1}`, [`${i + 1}`], () => this.choose(g.round, i)),
      h('button', { type: 'button', class: 'pn-keep', onclick: () => this.keep(i) }, icon('keep')))))
    this.empty.hidden = rounds > 0
    this.head.hidden = !rounds
    this.title.textContent = rounds ? `Round ${g.round + 1}${rounds > 1 ? ' of ' + rounds : ''}: ${g.title}` : ''
    this.previous.hidden = this.following.hidden = rounds < 2
    dim(this.previous, !(g.round > 0))
    dim(this.following, !(g.round < rounds - 1))
    this.walk.max = Math.max(1, (g.thumbs || []).length - 1)
    if (!this.fixed.checked) this.seed.value = g.seed ?? ''
    this.showKept()
  }

  showKept() {
    const g = this.model.get('_gallery'), kept = this.model.get('kept')
    ;[...this.list.children].forEach((li, i) => {
      const b = li.lastChild, is = this.kept(g.round, i)
      b.setAttribute('aria-pressed', String(is))
      b.setAttribute('aria-label', `Keep completion ${i + 1}`)
      b.title = is ? 'Kept' : 'Keep'
    })
    this.keptTitle.hidden = !kept.length
    this.keptList.replaceChildren(...kept.map(o => h('li', {},
      this.thumb(o.thumb, `Kept: completion ${o.i + 1} of round ${o.round + 1}`, [`${o.round + 1} · ${o.i + 1}`], () => this.choose(o.round, o.i)),
      h('button', { type: 'button', class: 'pn-keep', 'aria-label': `Do not keep completion ${o.i + 1} of round ${o.round + 1}`, title: 'Do not keep', onclick: () => this.say('forget', { round: o.round, i: o.i }) }, icon('close')))))
    this.showSelected()
  }

  turn(by) {
    const { round, rounds } = this.model.get('_gallery')
    if (round + by >= 0 && round + by < rounds) this.say('round', { r: round + by })
  }

  choose(round, i) {
    const g = this.model.get('_gallery')
    if (this.pairing) {
      this.pairing = false
      this.say('between', { i: this.model.get('selected'), round, j: i })
      this.showSelected()
    } else if (round === g.round) this.select(i)
    else this.say('round', { r: round, i })
  }

  select(i) {
    this.set('selected', i)
    this.showSelected()
    if (i != null) this.stage.scrollIntoView({ block: 'nearest' })
  }

  ask(round, which) { // for large pictures
    const need = which.filter(i => !this.asked.has(`${round}:${i}`))
    if (!need.length) return
    need.forEach(i => this.asked.add(`${round}:${i}`))
    this.send({ do: 'large', round, which: need })
  }

  showSelected() {
    const g = this.model.get('_gallery'), i = this.model.get('selected'), looking = this.looking
    this.root.classList.toggle('pn-looking', looking)
    this.root.classList.toggle('pn-pairing', looking && !!this.pairing)
    if (!looking && this.actions.contains(document.activeElement)) this.stage.focus({ preventScroll: true })
    this.actions.hidden = this.after.hidden = this.tag.hidden = !looking
    this.walkRow.hidden = !(looking && g.walk)
    this.ring.classList.remove('pn-on')
    ;[...this.list.children].forEach((o, k) => o.firstChild.setAttribute('aria-pressed', String(looking && k === i)))
    ;[...this.keptList.children].forEach((o, k) => { const p = this.model.get('kept')[k]; o.firstChild.setAttribute('aria-pressed', String(looking && p.round === g.round && p.i === i)) })
    if (this.W) this.showHistory()
    if (!looking) {
      this.pairing = false
      if (this.before.src !== this.picture && this.picture) this.before.src = this.picture
      this.after.style.clipPath = ''
      this.wipeLine.hidden = true
      if (this.W) this.fit()
      return
    }
    this.ask(g.round, g.walk ? g.thumbs.map((_, k) => k) : [i])
    const url = this.large.get(`${g.round}:${i}`), before = this.large.get(`${g.round}:before`)
    if (url) this.after.src = url
    if (before && this.before.src !== before) this.before.src = before
    this.after.alt = `Completion ${i + 1}`
    this.walk.value = i
    this.keepButton.setAttribute('aria-pressed', String(this.kept(g.round, i)))
    this.keepButton.lastChild.textContent = this.kept(g.round, i) ? 'Kept' : 'Keep'
    this.betweenButton.setAttribute('aria-pressed', String(!!this.pairing))
    this.tag.textContent = this.pairing ? 'Now choose the other end' : `${i + 1} of ${g.thumbs.length}`
    this.fit()
    this.showWipe()
  }

  showWipe() {
    const p = +this.wipe.value
    this.after.style.clipPath = p ? `inset(0 0 0 ${p}%)` : ''
    this.wipeLine.hidden = !p || p > 99
    this.wipeLine.style.left = p + '%'
    this.wipe.setAttribute('aria-valuetext', `${p}% before`)
  }

  hold(on) {
    this.root.classList.toggle('pn-holding', on)
    if (this.looking) this.tag.textContent = on ? 'before' : `${this.model.get('selected') + 1} of ${this.model.get('_gallery').thumbs.length}`
  }

  receive(msg, buffers) {
    if (msg.do === 'large') {
      msg.keys.forEach((k, i) => this.large.set(`${msg.round}:${k}`, this.url(buffers[i], 'image/*')))
      this.showSelected()
    }
    if (msg.do === 'file') this.save(this.url(buffers[0], msg.type), msg.name)
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el)
    return () => view.close()
  },
}
