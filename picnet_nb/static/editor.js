// The whole editor: tools, the stage, completions, settings, one history, keys and files.

import { Cache, clamp, dim, h, icon, iconButton, isDark, menu, same, wordButton } from './dom.js'
import { Bits } from './bits.js'
import { Stage, tools } from './stage.js'
import { Strip } from './strip.js'
import { Kernel } from './kernel.js'

const PART = 2 ** 21          // bytes; files travel in parts, as servers refuse long messages
const REST = 900              // ms without a stroke before the hole is sent
const HISTORY = 2e8           // bytes
const MOST = 63000            // bytes of a hole that is sent
const fillings = [['auto', 'both, by turns'], ['material', 'its own pieces'], ['model', 'the model']]
const colors = ['#ff2d87', '#00a3ff', '#2fd24f', '#ff8a00', '#8b5cf6']
const left = globalThis.picnetLeft ??= new Map()       // what was drawn in widgets that are no longer on the page

const shortcuts = [['B E R L W', 'brush, eraser, rectangle, lasso, wand'], ['[ ]', 'smaller, larger (also Alt and the wheel)'], ['Shift + click', 'a straight line from the last point'],
  ['Alt', 'take away instead of adding'], ['Ctrl Z, Ctrl Shift Z', 'undo, redo (two and three fingers: tap)'], ['Ctrl Enter', 'complete'], ['← →', 'the next completion, while one is open'],
  ['Space', 'hold: the picture before; with the mouse: drag the picture'], ['K V U', 'keep, vary, use as picture'], ['Esc', 'stop drawing; back to drawing'],
  ['+ − 0 1', 'zoom in, out, fit, 100 % (also Ctrl and the wheel, or pinch)'], ['I', 'invert the hole'], ['F', 'full screen'], ['Ctrl C, Ctrl V', 'copy, paste a picture'],
  ['Arrows, Space', 'move and paint without a mouse; Shift and arrows paint a line']]

export class Editor {
  constructor(model, root, replace) { // replace: puts another model's editor in our place
    Object.assign(this, { model, replace, id: model.id ??= Math.random(), view: Math.random() })
    Object.assign(this, { sets: new Map(), holes: new Map(), files: model.files ??= new Map(), asked: new Set(), past: [], future: [], shown: [], queue: Promise.resolve(), at: -1 })
    this.large = new Cache(32)
    this.small = new Cache(2000)
    this.kernel = new Kernel(model, { message: (...o) => this.receive(...o), gone: () => this.gone(),
      waiting: late => late ? this.tell('waiting', 'The kernel is busy with something else; this is done as soon as it is free.') : this.showStatus() })
    this.build(root)
    const on = (names, f) => names.split(' ').forEach(o => this.kernel.on('change:' + o, f))
    const shown = () => { if (!this.coming && !this.kernel.pending('show')) this.setShown(this.get('_shown')) }
    on('_at _size _picture', () => { this.coming ??= setTimeout(() => { this.coming = null; this.setPicture(); shown() }) })      // marimo sets one after the other
    on('_mask', () => this.at === this.get('_at') && this.readHole())
    on('_shown', shown)      // of a picture that is coming: with it, so that both are one step of the history
    on('kept', () => this.showStrips())
    on('name pictures _samples', () => this.showNames())
    on('status', () => { if (this.get('status').state === 'error') this.failed(); this.showStatus() })
    on('n temperature seed model how', () => this.showSettings())
    this.kernel.ask('start')
    this.setPicture()
    this.showSettings()
    this.showStatus()
    this.setShown(this.get('_shown'))
    left.delete(this.id)
    this.offer([...left.values()].pop())
  }

  get(name) { return this.kernel.get(name) }

  close() {
    const work = this.past.length || this.sets.size
    if (work) left.set(this.id, { id: this.id, model: this.kernel.gone ? null : this.model, name: this.get('name'), size: [this.stage.W, this.stage.H], hole: this.stage.bits,
      file: this.files.get(this.at), sample: this.bundled(this.get('name')) === this.at, picture: this.get('_picture') })
    this.kernel.close()
    clearTimeout(this.resting)
    this.sizes.disconnect()
    this.themes.disconnect()
    this.scheme.removeEventListener('change', this.turned)
    window.removeEventListener('keydown', this.guard, true)
    window.removeEventListener('paste', this.pasted, true)
    window.removeEventListener('beforeunload', this.leave)
    this.large.clear()
    this.small.clear()
  }

  // --- what it is made of

  build(root) {
    const file = act => h('input', { type: 'file', accept: 'image/*', hidden: true, tabindex: -1, 'aria-hidden': 'true', onchange: e => { if (e.target.files[0]) act(e.target.files[0]); e.target.value = '' } })
    const group = (label, ...kids) => h('div', { class: 'pn-group', role: 'group', 'aria-label': label }, ...kids)
    const range = (label, title, attrs, act, type = 'oninput') => h('input', { type: 'range', 'aria-label': label, title, ...attrs, [type]: act })
    const stage = this.stage = new Stage(this)

    this.pictureFile = file(f => this.upload(f))
    this.maskFile = file(f => this.openMask(f))
    this.names = h('select', { class: 'pn-field', 'aria-label': 'Picture', onchange: e => { const o = JSON.parse(e.target.value); this.ask(typeof o === 'number' ? 'go' : 'sample', typeof o === 'number' ? { k: o } : { name: o }) } })
    this.tools = Object.fromEntries(Object.entries(tools).map(([k, label]) => [k, iconButton(k, label, () => this.setTool(k), { 'aria-pressed': String(k === 'brush') })]))
    this.sizeRange = range('Size of the brush, reach of the wand', 'Size: [ and ]', { min: 0, max: 100, step: 'any', value: 50 }, () => this.showSize())
    this.sizeText = h('output', { class: 'pn-px' })
    this.undo = iconButton('undo', 'Undo (Ctrl Z)', () => this.step(-1))
    this.redo = iconButton('redo', 'Redo (Ctrl Shift Z)', () => this.step(1))
    this.colorInput = h('input', { type: 'color', 'aria-label': 'Color of the hole', oninput: e => { this.ownColor = true; stage.color = e.target.value } })
    const grow = by => this.edit(o => o.grow(by * Math.max(1, Math.round(Math.min(o.w, o.h) / 100))))
    const hole = menu('more', 'Hole', [['invert', 'Invert (I)', () => this.edit(o => o.invert())], ['clear', 'Clear', () => this.clear()], ['grow', 'Grow', () => grow(1)], ['shrink', 'Shrink', () => grow(-1)],
      ['mask-in', 'Open a mask, white where to fill', () => this.maskFile.click()], ['mask-out', 'Save the mask as PNG', () => this.saveMask()], h('label', {}, this.colorInput, 'Color')])
    const side = (name, label, ...sides) => [name, label, () => this.ask('extend', { sides: sides.map(o => o ? '25%' : 0) })]
    const extend = menu('extend', 'Extend', [side('extend-all', 'All sides by a quarter', 1, 1, 1, 1), side('extend-left', 'To the left', 1, 0, 0, 0), side('extend-top', 'Upwards', 0, 1, 0, 0),
      side('extend-right', 'To the right', 0, 0, 1, 0), side('extend-bottom', 'Downwards', 0, 0, 0, 1)], 'A larger picture, whose new edge is the hole')
    this.percent = h('button', { type: 'button', class: 'pn-word pn-percent', 'data-do': 'percent', title: '100 %: a pixel of the picture is one of the screen (1)', onclick: () => stage.zoom(1 / stage.dpr) }, '100 %')
    this.sheet = h('dialog', { class: 'pn-sheet', 'aria-label': 'Shortcuts', onclick: e => e.target === this.sheet && this.sheet.close() },
      h('h3', {}, 'Shortcuts'), h('dl', {}, shortcuts.map(([k, what]) => h('div', {}, h('dt', {}, k), h('dd', {}, what)))), h('button', { type: 'button', class: 'pn-word', onclick: () => this.sheet.close() }, 'Close'))
    this.bar = h('div', { class: 'pn-bar', role: 'group', 'aria-label': 'Picture and drawing' }, h('div', { class: 'pn-tools' },
      group('Picture', this.names, wordButton('open', 'Open', () => this.pictureFile.click(), { sign: 'upload', title: 'Open a picture; or drop or paste one' }), this.pictureFile, this.maskFile),
      group('Tool', ...Object.values(this.tools)), group('Size', h('label', { class: 'pn-slider' }, this.sizeRange, this.sizeText)),
      group('History', this.undo, this.redo), group('Hole', hole, extend),
      group('Zoom', iconButton('out', 'Zoom out (−)', () => stage.zoom(stage.s / 1.5)), this.percent, iconButton('in', 'Zoom in (+)', () => stage.zoom(stage.s * 1.5)),
        iconButton('fit', 'Fit: see all of it (0)', () => stage.zoom(0)), iconButton('full', 'Full screen (F)', () => this.full(), { hidden: !document.fullscreenEnabled })),
      h('button', { type: 'button', class: 'pn-icon pn-help', 'aria-label': 'Shortcuts (?)', title: 'Shortcuts (?)', onclick: () => this.sheet.showModal() }, '?')))

    const holder = on => () => { stage.hold(on); this.holdButton.setAttribute('aria-pressed', String(on)) }
    this.holdButton = wordButton('hold', 'Before', () => {}, { sign: 'split', title: 'Hold to see the picture before (Space); or drag the handle on the picture', 'aria-pressed': 'false', onpointerdown: holder(true), onpointerup: holder(false),
      onpointerleave: holder(false), onblur: holder(false), onkeydown: e => [' ', 'Enter'].includes(e.key) && holder(true)(), onkeyup: holder(false) })
    this.walk = range('In between: from one completion to the other', '', { min: 0, max: 8, value: 0 }, () => this.select(this.shown[0], +this.walk.value))
    this.walkRow = h('label', { class: 'pn-walk', hidden: true }, h('span', {}, 'from'), this.walk, h('span', {}, 'to'))
    this.count = h('output', { class: 'pn-count' })
    this.keepButton = wordButton('keep', 'Keep', () => this.keep(), { title: 'Keep (K)' })
    this.betweenButton = wordButton('between', 'In between', () => { this.pairing = !this.pairing; this.showShown() }, { title: 'Walk from this completion to another one' })
    this.acts = [iconButton('previous', 'The completion before (←)', () => this.turn(-1), { sign: 'back' }), this.count, iconButton('following', 'The next completion (→)', () => this.turn(1), { sign: 'next' }), this.holdButton,
      wordButton('like', 'Vary', () => this.ask('vary', { round: this.shown[0], i: this.shown[1] }), { title: 'More like this one (V)' }), this.betweenButton, this.keepButton,
      wordButton('use', 'Use as picture', () => this.use(), { title: 'Go on with this completion as the picture (U)' }),
      menu('download', 'Save', [['png', 'PNG, without loss', () => this.save('png')], ['jpeg', 'JPEG', () => this.save('jpeg')], ['webp', 'WebP', () => this.save('webp')], ['copy', 'Copy (Ctrl C)', () => this.copy()],
        ['all', 'All of this set (ZIP)', () => this.saveSet()], ['kept', 'All that are kept (ZIP)', () => this.get('kept').length ? this.save('png', { which: this.get('kept') }) : this.tell('error', 'Nothing is kept yet: choose a completion and press K.')]])]
    this.actions = h('div', { class: 'pn-actions', role: 'group', 'aria-label': 'This completion' }, ...this.acts, wordButton('draw', 'Draw', () => this.draw(), { sign: 'brush', title: 'Back to drawing (Esc)' }))
    const marks = { choose: key => this.choose(key), peek: key => this.peek(key), keep: key => this.keep(key) }
    this.strip = new Strip('Completions', marks)
    this.keptStrip = new Strip('Kept completions', { ...marks, more: 'pn-small' })
    this.empty = h('p', { class: 'pn-empty' }, 'Completions appear here: each is another way to fill the hole.')
    this.dock = h('section', { class: 'pn-dock', 'aria-label': 'Completions' }, this.actions, this.strip.node, this.empty)

    const field = (label, ...kids) => h('label', { class: 'pn-row' }, h('span', {}, label), ...kids)
    this.nRange = range('Number', 'How many completions', { min: 1, max: 32 }, () => { this.nText.value = this.nRange.value; this.settle() })
    this.nText = h('output')
    this.variety = range('Variety', '0: all alike, 1: as trained', { min: 0, max: 1.5, step: .05 }, () => { this.showVariety(); this.settle() })
    this.varietyText = h('output')
    this.fixed = h('input', { type: 'checkbox', 'aria-label': 'Fixed seed', onchange: () => this.setSeed() })
    this.seed = h('input', { type: 'number', class: 'pn-field', min: 0, step: 1, 'aria-label': 'Seed', onchange: () => this.setSeed() })
    this.modelField = h('input', { type: 'text', class: 'pn-field', placeholder: 'bundled', spellcheck: 'false', 'aria-label': 'Model: empty for the bundled weights, or a folder, a file or a hub name',
      onchange: () => this.kernel.set({ model: this.modelField.value.trim() }) })
    const how = change => () => this.kernel.set({ how: { ...this.get('how'), ...change() } })
    this.fill = h('select', { class: 'pn-field', 'aria-label': 'Filled by', onchange: how(() => ({ fill: this.fill.value })) }, fillings.map(([value, text]) => h('option', { value }, text)))
    this.feather = range('Soft edge', 'Width of a soft edge around the hole, pixels', { min: 0, max: 40 }, how(() => ({ feather: +this.feather.value })))
    this.featherText = h('output')
    this.go = h('button', { type: 'button', class: 'pn-go', 'data-do': 'complete', title: 'Ctrl Enter', onclick: () => this.complete() }, icon('complete'), h('span', {}, 'Complete'))
    this.stop = wordButton('stop', 'Stop', () => this.kernel.ask('stop'), { hidden: true })
    this.progress = h('progress', { class: 'pn-progress', max: 1, value: 0, 'aria-label': 'Progress' })
    this.status = h('p', { class: 'pn-status', role: 'status', 'aria-live': 'polite' })
    this.keptTitle = h('h3', { hidden: true }, 'Kept')
    this.side = h('section', { class: 'pn-side', 'aria-label': 'Settings' }, h('div', { class: 'pn-run' }, this.go, this.stop), this.progress, this.status,
      field('Number', this.nRange, this.nText), field('Variety', this.variety, this.varietyText),
      h('details', { class: 'pn-advanced' }, h('summary', {}, 'Advanced'), field('Filled by', this.fill), field('Soft edge', this.feather, this.featherText),
        h('div', { class: 'pn-row pn-seed' }, h('span', {}, 'Seed'), h('label', { class: 'pn-check' }, this.fixed, h('span', {}, 'fixed')), this.seed), field('Model', this.modelField),
        wordButton('learn', 'Learn this picture first', () => this.complete('adapt'), { sign: 'like', title: 'Learn from this photograph for two minutes, then complete' })),
      this.keptTitle, this.keptStrip.node)

    this.note = h('div', { class: 'pn-note', role: 'status', hidden: true })
    this.room = stage.room = h('div', { class: 'pn-room' }, stage.node, this.walkRow)
    this.root = h('div', { class: 'picnet', tabindex: -1, onkeydown: e => this.key(e), onkeyup: e => { if (e.key === 'Alt' && stage.turned) { stage.turned = false; e.preventDefault() } },        // or Firefox opens its menus
      onpointerleave: () => this.rest(0), onfocusout: e => !this.root.contains(e.relatedTarget) && this.rest(0),
      ondragover: e => { e.preventDefault(); e.stopPropagation(); this.root.classList.add('pn-drop') },
      ondragleave: e => { if (!this.root.contains(e.relatedTarget)) this.root.classList.remove('pn-drop') },
      ondrop: e => { this.root.classList.remove('pn-drop'); this.take(e, e.dataTransfer) } },
      this.note, this.bar, h('div', { class: 'pn-main' }, h('div', { class: 'pn-left' }, this.room, this.dock), this.side), this.sheet)
    this.root.editor = this       // for scripts of the page
    root.append(h('div', { class: 'pn-outer' }, this.root))
    stage.tallest = () => Math.max(320, this.window() - this.bar.offsetHeight - this.dock.offsetHeight - 30)

    // Notebooks look for keys at the document, some before us, except where this attribute is; they test the target itself before they walk
    // up, so it needs the attribute, too. The window is still before that, and the path has what a shadow root hides.
    this.guard = e => { const path = e.composedPath(); if (path.includes(this.root)) for (const o of [path[0], this.root]) o.toggleAttribute('data-lm-suppress-shortcuts', this.mine(e)) }
    window.addEventListener('keydown', this.guard, true)
    this.pasted = e => { if (this.root.contains(root.getRootNode().activeElement)) this.take(e, e.clipboardData) }       // Firefox tells the body, not what has the focus
    window.addEventListener('paste', this.pasted, true)
    this.leave = e => { if ((this.model.forgets || root.getRootNode().host) && this.past.length) e.preventDefault() }       // as marimo does, too, when its page is loaded again
    window.addEventListener('beforeunload', this.leave)
    this.sizes = new ResizeObserver(() => { stage.layout(); this.theme() })      // also when we come onto the page
    this.sizes.observe(this.room)
    this.themes = new MutationObserver(() => { this.theme(); setTimeout(() => this.theme(), 400) })      // its style sheet may come later
    for (const o of [document.documentElement, document.body]) this.themes.observe(o, { attributes: true })
    this.scheme = matchMedia('(prefers-color-scheme: dark)')
    this.scheme.addEventListener('change', this.turned = () => this.theme())
    this.theme()
  }

  theme() { this.root.dataset.theme = isDark(this.root.parentNode) ? 'dark' : 'light' }

  window() { // how high what we are seen through is: the outermost that scrolls, such as the notebook's panel, or the page
    let high = innerHeight
    for (let e = this.root; e && !document.fullscreenElement; e = e.parentNode || e.host)
      if (e instanceof Element && e.clientHeight > 300 && /auto|scroll/.test(getComputedStyle(e).overflowY)) high = Math.min(e.clientHeight, innerHeight)
    return high
  }

  full() { if (document.fullscreenElement) document.exitFullscreen(); else this.root.requestFullscreen?.().then(() => this.stage.layout()).catch(() => {}) }

  // --- messages: in order, each with the hole if that has changed

  ask(what, args = {}, buffers = []) {
    return this.queue = this.queue.then(async () => {
      const hole = await this.hole()
      return this.kernel.ask(what, hole ? { ...args, hole: hole[0] } : args, hole ? [hole[1], ...buffers] : buffers)
    })
  }

  async hole() {
    this.stage.settle()
    if (!this.dirty) return null
    this.dirty = false
    const { at, stage: { bits } } = this
    let png = bits.empty ? new Uint8Array() : await bits.png()
    for (let k = 2; png.length > MOST; k *= 2) png = await bits.resized(bits.w / k | 0, bits.h / k | 0).png()     // a scribble on a large picture; here it stays fine
    this.holes.set(at, { sent: png, bits: bits.data })
    this.sent = png
    return [at, png]
  }

  rest(ms = REST) { clearTimeout(this.resting); if (this.dirty) this.resting = setTimeout(() => this.dirty && !this.stage.act && this.ask('hole'), ms) }

  // --- the picture and the hole

  async setPicture() {
    const [W, H] = this.get('_size'), at = this.get('_at')
    if (at < 0 || !W) return
    this.stage.setPicture(this.large.set('picture', this.get('_picture')), W, H)
    Object.assign(this, { at, dirty: false, sent: null, missed: false, used: null })
    if (this.file?.name.replace(/\.\w+$/, '') === this.get('name') && !this.files.has(at)) { this.files.set(at, this.file); this.file = null }
    await this.readHole(true)
    this.chooseColor()
    this.showNames()
    this.showShown()
    this.record()
    this.arrived?.()
    if (this.bringing) this.brought(this.bringing)
  }

  async readHole(fresh = false) {
    const bytes = this.get('_mask'), { bits } = this.stage
    if (same(bytes, this.sent)) return
    this.sent = bytes
    const ours = this.holes.get(this.at)
    const made = same(bytes, ours?.sent) ? new Bits(bits.w, bits.h, ours.bits) : bytes.byteLength ? (await Bits.read(bytes)).resized(bits.w, bits.h) : new Bits(bits.w, bits.h)
    if (this.sent !== bytes || this.stage.bits !== bits) return
    if (fresh) { bits.replace(made); this.stage.drawInk(); this.showHistory() }
    else if (this.stage.act?.kind === 'stroke') this.missed = true      // what is drawn is newer, unless it is canceled
    else { this.stage.edit(o => o.replace(made)); this.dirty = false }
  }

  async chooseColor() { // the one that the picture has least of
    const img = this.stage.before
    if (this.ownColor) return
    try { await img.decode() } catch { return }
    const ctx = h('canvas', { width: 24, height: 24 }).getContext('2d')
    ctx.drawImage(img, 0, 0, 24, 24)
    const { data } = ctx.getImageData(0, 0, 24, 24)
    const far = hex => { const [r, g, b] = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16)); let sum = 0; for (let i = 0; i < data.length; i += 4) sum += Math.min(120, Math.hypot(data[i] - r, data[i + 1] - g, data[i + 2] - b)); return sum }
    this.stage.color = this.colorInput.value = colors.reduce((a, b) => far(b) > far(a) * 1.02 ? b : a)
  }

  showNames() {
    const pictures = this.get('pictures'), samples = this.get('_samples'), option = (o, text) => h('option', { value: JSON.stringify(o) }, text.replace('_', ' '))
    const own = pictures.flatMap((name, k) => this.bundled(name) === k ? [] : option(k, name || 'your picture'))
    this.names.replaceChildren(...(own.length ? [h('optgroup', { label: 'Yours' }, own)] : []),
      h('optgroup', { label: 'Bundled' }, samples.map(o => option(this.bundled(o) < 0 ? o : this.bundled(o), o))))
    this.names.value = JSON.stringify(this.at)
  }

  bundled(name) { // where the sample is, if it was opened; not a file of one's own that has the same name
    return this.get('_samples').includes(name) ? this.get('pictures').findIndex((o, k) => o === name && !this.files.has(k)) : -1
  }

  setTool(tool) {
    for (const [k, b] of Object.entries(this.tools)) b.setAttribute('aria-pressed', String(k === tool))
    this.stage.setTool(tool)
    this.draw()
    this.showSize()
  }

  get size() { return this.sizeRange.value / 100 }
  resize(by) { this.sizeRange.value = 100 * clamp(this.size + by, 0, 1); this.showSize() }
  showSize() {
    this.stage.setRing()
    this.sizeText.value = this.stage.tool === 'wand' ? `${Math.round(this.size * 100)} %` : `${Math.round(this.stage.diameter || 0)} px`
    this.sizeRange.setAttribute('aria-valuetext', this.sizeText.value)
  }

  looked() { this.percent.textContent = `${this.stage.percent} %`; this.showSize() }

  edit(f) { this.draw(); this.stage.edit(f) }
  clear() { this.edit(o => o.replace(new Bits(o.w, o.h))) }
  draw() { if (this.shown.length) this.select() }

  // --- one history: strokes, what is shown, and pictures

  edited(patch) {
    const { missed } = this
    this.missed = false
    if (patch) { this.push({ patch, at: this.at }); this.changed() }
    else if (missed && this.at === this.get('_at')) { this.sent = null; this.readHole() }
  }

  changed() { this.dirty = true; this.rest(); this.showHistory() }

  push(step) {
    this.past.push({ ...step, time: Date.now() })
    this.future = []
    let sum = 0
    for (let i = this.past.length; i--;) if ((sum += this.past[i].patch?.xor.length || 0) > HISTORY) { this.past.splice(0, i); break }
  }

  record() { // what is shown has changed; choosing among completions is one step
    const now = { at: this.at, shown: this.shown }, was = this.was, last = this.past.at(-1)
    this.was = now
    if (!was || this.going || String([was.at, was.shown]) === String([now.at, now.shown])) return
    if (last?.to && last.to.at === was.at && (was.at === now.at && was.shown.length && now.shown.length || Date.now() - last.time < 150)) { last.to = now; this.future = [] }
    else this.push({ from: was, to: now })
    this.showHistory()
  }

  async step(by) {
    if (this.going || this.stage.act?.kind === 'stroke') return
    this.stage.settle()
    const [from, to] = by < 0 ? [this.past, this.future] : [this.future, this.past], s = from.pop()
    if (!s) return
    to.push(s)
    this.going = true
    try {
      const { at, shown } = s.patch ? { at: s.at, shown: [] } : by < 0 ? s.from : s.to
      if (at !== this.at) { const there = new Promise(done => { this.arrived = done }); if (!await this.ask('go', { k: at })) return; await there }
      this.select(...shown)
      if (s.patch) { this.stage.apply(s.patch); this.changed() }
    } finally { this.going = false; this.showHistory() }
  }

  showHistory() {
    dim(this.undo, !this.past.length)
    dim(this.redo, !this.future.length)
    this.stage.hint.hidden = this.shown.length > 0 || !this.stage.bits?.empty
  }

  // --- completions

  setShown(v) { this.shown = v.length > 1 ? [...v] : []; this.showShown(); this.record() }

  select(round, i) { // nothing: the hole
    const at = round == null ? [] : [round, i]
    if (String(at) === String(this.shown)) return
    this.peeked = null
    this.setShown(at)
    this.ask('show', { at })
  }

  choose(key) {
    const [round, i] = key.split(':').map(Number)
    if (this.pairing && key !== this.shown.join(':')) { this.pairing = false; this.ask('between', { i: this.shown[1], round, j: i }); this.showShown() } else this.select(round, i)
  }

  turn(by) { // to the next one of this picture
    const all = [...this.strip.nodes.keys()], to = all[this.shown.length ? all.indexOf(this.shown.join(':')) + by : 0]
    if (to != null) this.choose(to)
  }

  peek(key) { if (key !== this.peeked) { this.peeked = key; this.showShown() } }

  keep(key = this.shown.join(':')) {
    const [round, i] = key.split(':').map(Number)
    const kept = this.get('kept').filter(o => o.join(':') !== key)
    if (!key) return
    this.kernel.set({ kept: this.isKept(key) ? kept : [...kept, [round, i]] })
    this.showShown()
  }
  isKept(key) { return this.get('kept').some(o => o.join(':') === key) }

  use() { // once, however often it is pressed
    const key = this.shown.join(':')
    if (key === this.used) return
    this.used = key
    this.ask('use', { round: this.shown[0], i: this.shown[1] })
  }

  showShown() {
    const key = this.peeked || this.shown.join(':'), [round, i] = key.split(':').map(Number), set = this.sets.get(round), is = this.shown.length > 0, mine = this.sets.get(this.shown[0])
    const url = set?.picture === this.at && set.thumbs[i]
    if (url) {
      const fine = this.large.get(key)
      this.stage.show({ key, url: fine || url, box: set.box, fine: !!fine })
      if (!fine && !this.asked.has(key)) { this.asked.add(key); this.look(key, set.box, 1600, [round, i]) }
    } else this.stage.show(null)
    if (!is) this.pairing = false
    this.root.classList.toggle('pn-pairing', !!this.pairing)
    this.stage.tag.textContent = this.pairing ? 'Now choose the other end' : url ? `${i + 1} of ${set.thumbs.length}${this.peeked ? ', a look' : ''}` : ''
    for (const o of [...this.acts.slice(3, 8), this.actions.lastChild]) dim(o, !is)
    this.count.value = mine ? `${this.shown[1] + 1} of ${mine.thumbs.length}` : ''
    this.walkRow.hidden = !mine?.walk
    if (mine?.walk) { this.walk.max = mine.thumbs.length - 1; this.walk.value = this.shown[1] }
    const kept = is && this.isKept(this.shown.join(':'))
    this.keepButton.setAttribute('aria-pressed', String(kept))
    this.keepButton.lastChild.textContent = kept ? 'Kept' : 'Keep'
    this.betweenButton.setAttribute('aria-pressed', String(!!this.pairing))
    this.showStrips()
    this.showHistory()
  }

  showStrips() {
    const kept = new Set(this.get('kept').map(o => o.join(':'))), shown = this.shown.join(':')
    const item = (o, i) => [`${o.round}:${i}`, o.thumbs[i], `${i + 1}`, `Completion ${i + 1} of set ${o.round + 1}`]
    this.strip.show([...this.sets.values()].filter(o => o.picture === this.at).map(o => ({ name: `Set ${o.round + 1}${o.title && ': ' + o.title}`, items: o.thumbs.map((_, i) => item(o, i)) })), shown, kept)
    this.keptStrip.show([{ name: 'Kept', items: this.get('kept').filter(([r, i]) => this.sets.get(r)?.thumbs[i]).map(([r, i]) => item(this.sets.get(r), i)) }], shown, new Set())
    this.empty.hidden = !this.strip.node.hidden
    this.keptTitle.hidden = this.keptStrip.node.hidden
  }

  look(key, box, side, at) { this.kernel.ask('look', { key, box, side, at, picture: this.at }) }

  see(box, side) { // a part of the picture, and of the completion in it, as sharp as the screen
    this.look('sharp', box, side, [])
    if (this.shown.length) this.look('sharpAfter', box, side, this.shown)
  }

  receive(msg, buffers) {
    if (msg.do === 'round') {
      const { round, start } = msg, o = this.sets.get(round) || { thumbs: [] }
      this.sets.set(round, Object.assign(o, msg))
      o.thumbs.length = start
      buffers.forEach((b, i) => {
        const key = `${round}:${start + i}`
        o.thumbs.push(this.small.set(key, b))
        this.large.drop(key)              // the first is a guess, which is replaced
        this.asked.delete(key)
      })
      if (!this.fixed.checked && msg.seed != null) this.seed.value = msg.seed
      this.showShown()
      if (start === 0 && !this.shown.includes(round)) this.strip.reveal(this.strip.nodes.get(`${round}:0`) || this.strip.node)
    }
    if (msg.do === 'look') {
      const url = this.large.set(msg.key, buffers[0])
      this.asked.delete(msg.key)        // once more, if others take its place
      if (!msg.key.startsWith('sharp')) return this.showShown()
      if (msg.picture === this.at && (msg.key === 'sharp' || String(msg.at) === String(this.shown))) this.stage.put(this.stage[msg.key], url, msg.box)
    }
    if (msg.do === 'file' && (msg.view ?? this.view) === this.view) this.file_(msg, buffers[0])      // there may be other views of the same widget
  }

  // --- files

  file_({ name, last, copy }, part) {
    this.parts = [...this.parts || [], part]
    if (!last) return
    const blob = new Blob(this.parts, { type: name.endsWith('.zip') ? 'application/zip' : 'image/' + name.split('.').pop() })
    this.parts = null
    if (copy) this.copied(blob)
    else this.give(blob, name)
  }

  give(blob, name) {
    const a = h('a', { href: URL.createObjectURL(blob), download: name, hidden: true })
    this.root.append(a)
    a.click()
    a.remove()
    setTimeout(() => URL.revokeObjectURL(a.href), 60000)
  }

  save(kind, more) { this.ask('download', { which: [this.shown].filter(o => o.length), kind, view: this.view, ...more }) }

  saveSet() { // the one that is shown, or the newest of this picture
    const set = this.sets.get(this.shown[0]) || [...this.sets.values()].filter(o => o.picture === this.at).pop()
    if (set) this.save('png', { which: set.thumbs.map((_, i) => [set.round, i]) })
    else this.tell('error', 'There are no completions of this picture yet: press Complete.')
  }

  copy() { // the browser wants to be asked at once for what comes later
    if (!navigator.clipboard) return this.tell('error', 'The browser does not let us copy here.')
    const blob = new Promise(done => { this.copied = done })
    this.save('png', { copy: true })
    navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })]).then(() => this.tell('ready', 'Copied.'), () => this.tell('error', 'The browser does not let us copy.'))
  }

  async saveMask() { this.give(new Blob([await this.stage.bits.resized(this.stage.W, this.stage.H).png()], { type: 'image/png' }), 'mask.png') }

  take(e, data) { // what is dropped or pasted
    const files = [...data?.files || []], f = files.find(o => !o.type || o.type.startsWith('image/'))
    if (e.type === 'paste' && (!files.length || this.sheet.open || e.composedPath()[0].matches?.('input.pn-field') && data.types.includes('text/plain'))) return
    e.preventDefault()
    e.stopPropagation()
    if (f) this.upload(f)
    else this.tell('error', `${files[0]?.name || 'What was dropped'} can not be opened: it is no image.`)
  }

  async openMask(file) {
    const { W, H } = this.stage
    let made
    try { made = await Bits.read(file) } catch { return this.tell('error', `${file.name} can not be opened: it is no image that the browser knows.`) }
    if (made.w !== W || made.h !== H) return this.tell('error', `${file.name} has ${made.w}x${made.h} pixels, the picture ${W}x${H}: make them equal.`)
    this.edit(o => o.replace(made.resized(o.w, o.h)))
    this.tell('ready', `${file.name} is the hole now.`)
  }

  async upload(file) {
    this.tell('busy', `Opening ${file.name} ...`)
    const data = await file.arrayBuffer().catch(() => this.failed(`${file.name} can not be read.`))
    if (!data) return
    this.file = file
    const parts = Math.max(1, Math.ceil(data.byteLength / PART))
    for (let part = 0; part < parts; part++) await this.ask('upload', { name: file.name, part, parts }, [new Uint8Array(data.slice(part * PART, (part + 1) * PART))])
  }

  // --- nothing is lost: a restarted kernel, a cell that is run again

  tellNote(text, ...buttons) { this.reveal(this.note, text); this.note.replaceChildren(h('span', {}, text), ...buttons); this.stage.layout() }

  reveal(o, is) { // the focus does not fall out of what is hidden
    if (!is && o.contains(o.getRootNode().activeElement)) this.go.focus({ preventScroll: true })
    o.hidden = !is
  }

  gone() {
    this.root.classList.add('pn-gone')
    this.tell('gone', 'The kernel was restarted.')
    this.tellNote('The kernel was restarted or has ended, so nothing new can be made. Run the cell again: what you have drawn can be brought back.', wordButton('rescue', 'Save the mask', () => this.saveMask(), { sign: 'download' }))
  }

  offer(o) { // o: what a closed widget left
    if (!o) return
    this.tellNote(`Your work on ${o.name || 'your picture'} is still there.`, wordButton('restore', 'Bring it back', () => this.bring(o), { sign: 'undo' }), wordButton('forget', 'No', () => this.forget(o), { sign: 'use' }))
  }
  forget(o) { left.delete(o.id); this.tellNote('') }

  bring(o) {
    if (o.model) return this.replace(o.model)
    if (this.bringing) return
    this.bringing = o
    if (same(this.get('_picture'), o.picture) && String(o.size) === String([this.stage.W, this.stage.H])) return this.brought(o)
    if (o.sample) return this.ask('sample', { name: o.name })
    return this.upload(o.file || new File([o.picture], (o.name || 'picture') + '.png'))      // the latter: as large as the screen had it
  }

  brought(o) { // a picture is there: is it the one that the hole is of?
    const [w, h] = o.size, { W, H, bits } = this.stage
    this.bringing = null
    if (this.get('name') !== (o.name || 'picture') && !same(this.get('_picture'), o.picture) || Math.abs(W * h - H * w) > Math.max(w, h)) return
    this.edit(b => b.replace(o.hole.resized(bits.w, bits.h)))
    this.forget(o)
    if (W !== w) this.tellNote(`Of ${o.name || 'your picture'} there is left what the screen had: ${W}x${H} pixels of ${w}x${h}.`, wordButton('seen', 'OK', () => this.tellNote(''), { sign: 'use' }))
  }

  // --- keys: ours while the focus is in here

  mine(e) { return !(e.ctrlKey || e.metaKey) || ['z', 'y', 'enter', 'c', 'v'].includes(e.key.toLowerCase()) }     // Ctrl S and the like are the notebook's

  key(e) {
    if (!this.mine(e)) return
    e.stopPropagation()                                 // the notebook has its own plans with B, Z and the like
    const typing = e.target.matches('input:not([type=range]):not([type=checkbox]), select'), ctrl = e.ctrlKey || e.metaKey, k = e.key.toLowerCase(), { stage } = this
    if (this.sheet.open) return                         // which Escape closes by itself
    if (e.key === 'Escape') { if (stage.cancel()) return; if (this.pairing) { this.pairing = false; this.showShown() } else this.draw(); return }
    if (typing) { if (e.key === 'Enter') e.target.blur(); return }
    const does = ctrl ? { enter: () => this.complete(), z: () => this.step(e.shiftKey ? 1 : -1), y: () => this.step(1), c: () => this.copy() }[k] : e.altKey ? null : {
      '[': () => this.resize(-.05), ']': () => this.resize(.05), b: () => this.setTool('brush'), e: () => this.setTool('erase'), r: () => this.setTool('rect'), l: () => this.setTool('lasso'), w: () => this.setTool('wand'),
      '+': () => stage.zoom(stage.s * 1.5), '=': () => stage.zoom(stage.s * 1.5), '-': () => stage.zoom(stage.s / 1.5), 0: () => stage.zoom(0), 1: () => stage.zoom(1 / stage.dpr), f: () => this.full(),
      i: () => this.edit(o => o.invert()), '?': () => this.sheet.showModal(), k: () => this.keep(), v: () => this.shown.length && this.acts[4].click(), u: () => this.shown.length && this.acts[7].click() }[k]
    if (!does) return
    e.preventDefault()
    does()
  }

  // --- completing, settings, status

  complete(how = 'complete') {
    if (this.stage.act) return
    this.ask(how, this.settings)
  }

  get settings() { return { n: +this.nRange.value, temperature: this.temperature, seed: this.fixed.checked ? this.number : null, model: this.modelField.value.trim() } }
  get temperature() { return this.variety.value === this.given ? this.get('temperature') : +this.variety.value }      // which the slider has rounded
  get number() { return clamp(Math.round(+this.seed.value) || 0, 0, Number.MAX_SAFE_INTEGER) }      // larger ones are not exact here

  settle() { clearTimeout(this.settling); this.settling = setTimeout(() => { this.settling = null; this.kernel.set({ n: +this.nRange.value, temperature: this.temperature }) }, 200) }

  setSeed() {
    if (this.fixed.checked) this.seed.value = this.number
    this.seed.disabled = !this.fixed.checked
    this.kernel.set({ seed: this.fixed.checked ? this.number : null })
  }

  showVariety() { this.varietyText.value = this.temperature ? this.temperature.toFixed(2) : 'all alike' }

  showSettings() {
    if (!this.settling) { this.nText.value = this.nRange.value = this.get('n'); this.variety.value = this.get('temperature'); this.given = this.variety.value }
    this.showVariety()
    const seed = this.get('seed')
    this.fixed.checked = seed != null
    this.seed.disabled = seed == null
    if (seed != null) this.seed.value = seed
    this.modelField.value = this.get('model')
    const { fill = 'auto', feather = 0 } = this.get('how')
    this.fill.value = fill
    this.feather.value = feather
    this.featherText.value = `${feather} px`
  }

  showStatus() {
    const s = this.get('status')
    if (this.kernel.gone) return
    this.tell(s.state, s.text, s.done, s.total)
  }

  failed(text) { this.file = this.used = this.bringing = null; if (text) this.tell('error', text) }      // no picture will come

  tell(state, text = '', done = 0, total = 0) {
    const busy = state === 'busy'
    this.root.dataset.state = state || 'empty'
    this.root.setAttribute('aria-busy', String(busy))
    this.status.textContent = this.status.title = text
    this.status.setAttribute('role', state === 'error' ? 'alert' : 'status')
    this.reveal(this.stop, busy && total)
    this.go.lastChild.textContent = busy && total ? 'Anew' : 'Complete'
    this.progress.style.visibility = busy || state === 'waiting' ? '' : 'hidden'
    if (total && done) { this.progress.max = total; this.progress.value = done } else this.progress.removeAttribute('value')
  }
}

export default {
  render({ model, el }) {
    const replace = model => { editor.close(); el.replaceChildren(); editor = new Editor(model, el, replace); editor.go.focus({ preventScroll: true }) }
    let editor = new Editor(model, el, replace)
    return () => editor.close()
  },
}
