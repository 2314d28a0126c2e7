// The way to whoever computes. The editor knows no more of it than this: `get` what it says, `on` changes, `set` a setting, and `ask` for
// complete, vary, between, adapt, show, use, go, extend, sample, upload, look, download and stop; widget.py says what each of them means.
// `model` is anywidget's; another host gives an object with the same six methods: get, set, save_changes, send, on, off.

const PATIENCE = 1200     // ms without any answer before we say so

export class Kernel {
  constructor(model, { message, waiting, gone }) {
    this.model = model
    this.offs = []
    this.open = []         // what is asked and not heard yet
    this.says = { waiting, gone }
    this.on('msg:custom', (msg, buffers) => {
      if (msg.do !== 'heard') return message(msg, buffers || [])
      this.open.shift()
      this.wait()
    })
    this.on('comm_live_update', () => this.ask('hole'))      // Jupyter's, when a kernel restarts: the next message will not leave
  }

  get(name) { return this.model.get(name) }
  set(changes) { for (const [k, v] of Object.entries(changes)) this.model.set(k, v); this.safely(() => this.model.save_changes()) }
  on(event, f) { this.model.on(event, f); this.offs.push(() => this.model.off(event, f)) }
  pending(what) { return this.open.includes(what) }

  ask(what, args = {}, buffers = []) { // false: nobody is there
    if (this.gone || !this.safely(() => this.model.send({ do: what, ...args }, undefined, buffers))) return false
    this.open.push(what)
    if (this.open.length === 1) this.wait()
    return true
  }

  safely(f) {
    const lost = () => { if (this.gone || this.closed) return; this.gone = true; this.wait(); this.says.gone() }
    try { Promise.resolve(f()).catch(lost); return true } catch { lost(); return false }
  }

  wait() {
    clearTimeout(this.timer)
    if (this.late) { this.late = false; this.says.waiting(false) }
    if (this.open.length && !this.gone) this.timer = setTimeout(() => { this.late = true; this.says.waiting(true) }, PATIENCE)
  }

  close() { this.closed = true; clearTimeout(this.timer); this.offs.forEach(f => f()) }
}
