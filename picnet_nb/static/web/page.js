// The page: the widget's editor, and a worker in the place of a notebook's kernel.

import editor from './editor.js'

class Model { // what anywidget gives the editor in a notebook; the worker holds the same state and tells of changes
  constructor(worker) {
    Object.assign(this, { worker, state: {}, changed: {}, ears: {}, id: 'page', forgets: true })
    this.ready = new Promise(done => {
      worker.onmessage = ({ data: { set, msg, buffers } }) => {
        if (msg) return this.tell('msg:custom', msg, buffers)
        Object.assign(this.state, set)
        for (const k of Object.keys(set)) this.tell('change:' + k)
        if (set._at >= 0) done()
      }
    })
  }
  get(name) { return this.state[name] }
  set(name, value) { this.state[name] = this.changed[name] = value }
  save_changes() { this.worker.postMessage({ set: this.changed }); this.changed = {} }
  send(msg, _, buffers = []) { this.worker.postMessage({ msg, buffers }) }
  on(name, f) { (this.ears[name] ??= new Set()).add(f) }
  off(name, f) { this.ears[name]?.delete(f) }
  tell(name, ...args) { for (const f of this.ears[name] || []) f(...args) }
}

const simd = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11])
const ink = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d')
ink.fillStyle = '#123456'
ink.fillRect(0, 0, 1, 1)
const say = text => { const o = document.querySelector('#wait'); if (o) o.textContent = text }

if (!globalThis.WebAssembly?.validate(simd)) say('This browser can not compute fast enough (it has no WebAssembly SIMD). Firefox, Chrome, Edge and Safari of the last years can.')
else if (ink.getImageData(0, 0, 1, 1).data.some((o, i) => Math.abs(o - [18, 52, 86, 255][i]) > 9)) say('This browser hides from pages what is in pictures (resistFingerprinting). Allow this one to read canvases, and load it again.')
else {
  if ('serviceWorker' in navigator) navigator.serviceWorker.register('sw.js')
  const worker = new Worker('worker.js', { type: 'module' }), model = new Model(worker)
  worker.onerror = e => say(`The page can not start: ${e.message}`)
  model.ready.then(() => {
    document.querySelector('#wait').remove()
    editor.render({ model, el: document.querySelector('main') })
    const { editor: made } = document.querySelector('.picnet')
    addEventListener('dragover', e => e.preventDefault())      // beside the editor, and without the focus in it, too
    addEventListener('drop', e => made.take(e, e.dataTransfer))
    addEventListener('paste', e => made.take(e, e.clipboardData))
  })
}
