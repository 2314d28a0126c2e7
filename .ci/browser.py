#!/usr/bin/env python3
"""Uses the widget as a person does, in a real browser: python .ci/browser.py [--shots FOLDER] [--picture FILE]

Starts JupyterLab with a token on the loopback interface, opens nbs/15_widget.ipynb in it, and draws, completes, picks and downloads with
mouse, finger and keys. Everything it starts it ends, and nothing else. Needs the [dev] packages and chromium; on Debian it installs the latter.
  --shots FOLDER   screenshots are written there
  --picture FILE   don't test; make the picture of the widget at work that the notebook and the README show (.png)
"""
import argparse, base64, contextlib, io, os, secrets, shutil, signal, socket, subprocess, sys, tempfile, time, urllib.request, zipfile
from pathlib import Path
import numpy as np
from PIL import Image

root = Path(__file__).resolve().parent.parent
gui = [sys.executable, '-c', 'import sys; from picnet_nb.complete import main; sys.exit(main(["--gui"]))']
patience = 60_000       # ms for what should take a second; the machine may be busy with other things
shown = []
model = 'Model: empty for the bundled weights, or a folder, a file or a hub name'     # the label of its entry

def note(*a): print('-', *a, flush=True)
def check(ok, what):
    if not ok: raise AssertionError(what)
    print('ok', what, flush=True)

# --- what we start

def slow_weights(file):
    "A network that has learned nothing and needs seconds for many samples: time to press a second button, however fast the machine is."
    import torch
    from picnet_nb.model import PICNet, PICNetConfig, save_weights
    torch.manual_seed(0)
    save_weights(PICNet(PICNetConfig(image_size=512)), file)

def chromium():
    "The browser's file; Debian's is installed if there is none."
    for name in ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'):
        if shutil.which(name): return shutil.which(name)
    if not shutil.which('apt-get'): sys.exit('there is no chromium on this machine, and no apt-get to install it with')
    sudo = [] if os.geteuid() == 0 else ['sudo', '-n']
    if sudo and not shutil.which('sudo'): sys.exit('there is no chromium on this machine, and only root can install it: apt-get install chromium')
    for command in (['apt-get', 'update', '-q'], ['apt-get', 'install', '-qy', 'chromium']):
        done = subprocess.run([*sudo, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode or not shutil.which('chromium'): sys.exit(f'chromium is not here and can not be installed:\n{done.stdout[-2000:]}')
    return shutil.which('chromium')

def free_port():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); return s.getsockname()[1]

@contextlib.contextmanager
def lab(home, command, env=()):
    "JupyterLab with a home of its own, for as long as the block lasts; gives (port, token)."
    port, token, config = free_port(), secrets.token_hex(16), home/'config'
    config.mkdir(parents=True, exist_ok=True)
    (config/'jupyter_server_config.py').write_text(f'''
c.ServerApp.ip = '127.0.0.1'
c.ServerApp.port = {port}
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
c.ServerApp.allow_root = True
c.IdentityProvider.token = '{token}'
c.LabApp.check_for_updates_class = 'jupyterlab.NeverCheckForUpdate'
c.LabApp.news_url = None
c.LabApp.expose_app_in_browser = True
c.JupyterNotebookApp.expose_app_in_browser = True
''')
    settings = home/'settings'/'@jupyterlab'/'apputils-extension'/'notification.jupyterlab-settings'
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('{"fetchNews": "false"}')
    env = {**os.environ, 'HOME': str(home), 'JUPYTER_CONFIG_DIR': str(config), 'JUPYTER_DATA_DIR': str(home/'data'), 'JUPYTER_RUNTIME_DIR': str(home/'runtime'),
           'IPYTHONDIR': str(home/'ipython'), 'JUPYTERLAB_SETTINGS_DIR': str(home/'settings'), 'JUPYTERLAB_WORKSPACES_DIR': str(home/'workspaces'), **dict(env)}
    log = open(home/'log', 'w+')
    server = subprocess.Popen(command, env=env, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(300):
            if server.poll() is not None: break
            with contextlib.suppress(OSError): urllib.request.urlopen(f'http://127.0.0.1:{port}/api/status?token={token}', timeout=5).close(); break
            time.sleep(.4)
        else: raise TimeoutError('JupyterLab does not answer')
        if server.poll() is not None: log.seek(0); sys.exit(f'JupyterLab has ended:\n{log.read()[-3000:]}')
        yield port, token
    finally:    # it ends its kernels itself when it is asked politely
        with contextlib.suppress(ProcessLookupError): os.killpg(server.pid, signal.SIGTERM)
        try: server.wait(20)
        except subprocess.TimeoutExpired: os.killpg(server.pid, signal.SIGKILL); server.wait()
        log.close()

@contextlib.contextmanager
def browser(**kw):
    "A browser window, its page and all addresses it has asked for."
    from playwright.sync_api import sync_playwright
    flags = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=chromium(), args=flags.split())
        try:
            page = b.new_context(accept_downloads=True, **kw).new_page()
            page.set_default_timeout(patience)
            page.asked, page.errors = [], []
            page.on('request', lambda r: page.asked.append(r.url))
            page.on('pageerror', lambda e: page.errors.append(str(e)))
            yield page
        finally: b.close()

def open_notebook(page, port, token, name, at='lab/tree'):
    "Open a notebook and run all of it, as a person would."
    page.goto(f'http://127.0.0.1:{port}/{at}/{name}?reset&token={token}')
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status=idle]')
    page.wait_for_function("""() => { const s = window.jupyterapp?.shell.currentWidget?.sessionContext, k = s?.session?.kernel
        return s?.isReady && k?.status == 'idle' && k.connectionStatus == 'connected' }""")
    if at == 'lab/tree': command(page, 'application:toggle-left-area')
    page.locator('.jp-NotebookPanel .jp-Cell').first.click()
    page.get_by_role('menuitem', name='Run', exact=True).click()
    page.get_by_role('menuitem', name='Run All Cells', exact=True).click()
    cells = page.wait_for_function("""() => { const all = [...window.jupyterapp.shell.currentWidget.content.model.cells].filter(c => c.type == 'code')
        const wrong = all.flatMap(c => c.outputs.toJSON().filter(o => o.output_type == 'error'))
        return (wrong.length || all.every(c => c.executionCount && c.executionState != 'running')) && { n: all.length, wrong: wrong.map(o => o.ename + ': ' + o.evalue) } }""",
        timeout=600_000).json_value()
    check(not cells['wrong'], f'{name}: {cells["n"]} cells run through {cells["wrong"]}')

def command(page, name, **args): page.evaluate('([name, args]) => window.jupyterapp.commands.execute(name, args)', [name, args])

# --- a person at the widget

class Person:
    def __init__(self, page, shots=None):
        self.page, self.shots, self.w = page, shots, page.locator('.jp-OutputArea-output .picnet').first
        self.find()

    def find(self):
        "Scroll until the widget is there: far cells are not on the page."
        self.page.wait_for_selector('.jp-NotebookPanel .jp-Cell')
        for _ in range(60):
            if self.w.count() and self.w.is_visible(): break
            self.page.evaluate("document.querySelector('.jp-WindowedPanel-outer')?.scrollBy(0, 600)")
            self.page.wait_for_timeout(100)
        self.w.wait_for()
        self.w.locator('.pn-stage').scroll_into_view_if_needed()
        self.page.wait_for_timeout(300)

    def do(self, name): self.w.locator(f'[data-do={name}]').click()
    def state(self, *states, timeout=patience):
        self.page.wait_for_function('([e, s]) => s.includes(e.dataset.state)', arg=[self.w.element_handle(), list(states)], timeout=timeout)
        return self.w.get_attribute('data-state')
    def text(self): return self.w.locator('.pn-status').inner_text()
    def says(self, text): self.w.locator('.pn-status', has_text=text).wait_for(timeout=patience)   # the state alone may be an earlier one
    def title(self): return self.w.locator('.pn-head h3').inner_text()
    def thumbs(self): return self.w.locator('.pn-list:not(.pn-small) .pn-thumb')
    def sample(self, name):
        self.w.locator('select').select_option(name)
        self.page.wait_for_function('([e, n]) => e.querySelector("select").value == n || e.querySelector("select").selectedOptions[0].textContent == n', arg=[self.w.element_handle(), name])
        self.state('ready')
        self.page.wait_for_timeout(200)

    def open(self, file, n=0): # 0: a picture, 1: a mask
        self.w.locator('input[type=file]').nth(n).set_input_files(file)
        self.state('ready', 'error')
        self.page.wait_for_timeout(300)

    def at(self, x, y): # parts of the picture -> pixels of the page
        stage = self.w.locator('.pn-stage')
        stage.scroll_into_view_if_needed()      # what loads above it may have pushed it off the screen
        b = stage.bounding_box()
        return b['x'] + x*b['width'], b['y'] + y*b['height']

    def stroke(self, *points, steps=1):
        m = self.page.mouse
        m.move(*self.at(*points[0])); m.down()
        for p in points[1:]: m.move(*self.at(*p), steps=steps)
        m.up()

    def touch(self, *points):
        cdp = self.page.context.new_cdp_session(self.page)
        send = lambda kind, p: cdp.send('Input.dispatchTouchEvent', {'type': kind, 'touchPoints': [dict(zip('xy', self.at(*p)), id=1)] if p else []})
        send('touchStart', points[0])
        for p in points[1:]: send('touchMove', p)
        send('touchEnd', None)
        cdp.detach()

    def pen(self, *points, buttons=1): # buttons 32: its other end, which Playwright does not know, so the page sends these events to itself
        self.w.locator('.pn-stage').evaluate("""(e, [points, buttons]) => points.forEach(([clientX, clientY], i) => { for (const kind of [i ? 'pointermove' : 'pointerdown',
            ...(i == points.length - 1 ? ['pointerup'] : [])]) e.dispatchEvent(new PointerEvent(kind, { pointerId: 77, pointerType: 'pen', button: 0, buttons, clientX, clientY, bubbles: true })) })""",
            [[self.at(*p) for p in points], buttons])

    def ink(self, *points): # is there paint at these places?
        return self.w.locator('.pn-ink').evaluate('''(c, ps) => ps.map(([x, y]) =>
            c.getContext('2d').getImageData(Math.round(x*c.width), Math.round(y*c.height), 1, 1).data[3] > 127)''', [list(p) for p in points])

    def covered(self): # share of the picture that is painted
        return self.w.locator('.pn-ink').evaluate('''c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data
            let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 127; return n/(d.length/4) }''')

    def size(self, v): # of the brush, 0 to 100
        self.w.locator('.pn-slider input').evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')) }", v)
    def set(self, label, v):
        e = self.w.get_by_label(label, exact=True)
        e.evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change')) }", str(v))

    def download(self, click):
        with self.page.expect_download() as d: click()
        return d.value.suggested_filename, Path(d.value.path()).read_bytes()

    def complete(self, press=True):
        if press: self.do('complete')
        self.state('busy', 'done', 'error')
        self.page.wait_for_timeout(50)
        self.state('done', 'error')
        check(self.w.get_attribute('data-state') == 'done', f'completed: {self.text()}')

    def shot(self, name, whole=False):
        if not self.shots: return
        self.page.mouse.move(2, 2)
        self.page.wait_for_timeout(250)
        f = self.shots/f'{len(shown):02}_{name}.png'
        shown.append(f)
        self.page.screenshot(path=f) if whole else self.w.screenshot(path=f)

def pixels(data): return np.asarray(Image.open(io.BytesIO(data)).convert('RGB'))

# --- the test

def test_drawing(me):
    page = me.page
    me.sample('daisy_1')
    check(me.covered() == 0, 'a new picture has no hole')
    me.size(40)
    me.stroke((.1, .2), (.9, .2))                               # one move: as fast as it gets
    check(all(me.ink(*[(x/100, .2) for x in range(11, 90)])), 'a fast stroke has no gaps')
    me.touch((.1, .4), (.3, .45), (.6, .4), (.9, .4))
    check(all(me.ink((.1, .4), (.2, .425), (.45, .425), (.8, .4))), 'a finger paints')
    me.pen((.1, .9), (.5, .85), (.9, .9))
    check(all(me.ink((.1, .9), (.3, .875), (.9, .9))), 'a pen paints')
    me.pen((.4, .8), (.4, .95), buttons=32)
    check(not any(me.ink((.4, .8625))), 'and its other end erases')
    both = me.covered()
    me.do('erase')
    me.stroke((.5, .1), (.5, .6), steps=6)
    check(not any(me.ink((.5, .2), (.5, .41))) and all(me.ink((.2, .2), (.2, .425))), 'the eraser erases where it goes')
    me.do('undo')
    check(abs(me.covered() - both) < 1e-3, 'undo')
    me.do('redo')
    check(not any(me.ink((.5, .2))), 'redo')
    page.keyboard.press('Control+z')
    check(all(me.ink((.5, .2))), 'undo by the keyboard')
    me.do('rect')
    me.stroke((.3, .6), (.5, .8), steps=3)
    check(all(me.ink((.32, .62), (.48, .78))) and not any(me.ink((.52, .7), (.4, .85))), 'a rectangle')
    before = me.covered()
    me.do('invert')
    check(abs(me.covered() - (1 - before)) < .02, 'invert')
    me.do('clear')
    check(me.covered() == 0, 'clear')
    size = me.w.locator('.pn-px').inner_text()
    me.do('brush')
    me.w.locator('.pn-stage').focus()
    page.keyboard.press(']')
    bigger = me.w.locator('.pn-px').inner_text()
    page.keyboard.press('[')
    check(bigger != size == me.w.locator('.pn-px').inner_text(), f'] and [ change the brush: {size}, {bigger}')
    cells = page.locator('.jp-Cell').count()
    for k in ('ArrowRight', ' ', 'Shift+ArrowRight', 'Shift+ArrowDown', 'b', 'a', 'x', 'd', 'd'): page.keyboard.press(k)
    check(me.covered() > 0, 'painting with the keyboard')
    check(page.locator('.jp-Cell').count() == cells, 'the notebook does not take keys that were for the widget')
    page.keyboard.press('Control+s')
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    check(True, 'but Ctrl S saves the notebook')
    me.do('clear')

def hole_of(me): return pixels(me.download(lambda: me.do('mask-out'))[1])[..., 0] > 127

def test_completing(me):
    page, original = me.page, pixels((root/'picnet_nb/samples/daisy_1.jpg').read_bytes())
    me.size(75)
    me.set('Samples', 4)
    me.stroke((.4, .4), (.55, .45), (.5, .6), steps=5)
    me.touch((.38, .55), (.45, .62), (.55, .6))
    hole = hole_of(me)
    check(hole.shape == original.shape[:2] and .02 < hole.mean() < .5, f'the mask is of full size; {hole.mean():.0%} of the picture')
    me.shot('drawn')
    me.complete()
    check(me.thumbs().count() == 4, 'four completions')
    me.shot('completed')
    me.thumbs().nth(1).click()
    page.wait_for_function("e => e.querySelector('.pn-after').naturalWidth > 0", arg=me.w.element_handle())
    me.shot('picked')
    me.w.get_by_label('Before and after').evaluate("e => { e.value = 50; e.dispatchEvent(new Event('input')) }")
    check('50%' in me.w.locator('.pn-after').get_attribute('style'), 'half before, half after')
    me.shot('wiped')
    me.w.get_by_label('Before and after').evaluate("e => { e.value = 0; e.dispatchEvent(new Event('input')) }")
    page.mouse.move(*me.at(.5, .5)); page.mouse.down()
    check(me.w.locator('.pn-after').evaluate("e => getComputedStyle(e).visibility") == 'hidden', 'hold to see the picture before')
    page.mouse.up()
    one = me.w.locator('[data-do=download]')
    name, data = me.download(one.click)
    made = [pixels(data)]
    me.thumbs().nth(2).click()
    check(me.w.locator('.pn-tag').inner_text() == '3 of 4', 'another one')
    made.append(pixels(me.download(one.click)[1]))
    name, data = me.download(me.w.locator('[data-do=all]').click)
    with zipfile.ZipFile(io.BytesIO(data)) as z: every = [pixels(z.read(o)) for o in z.namelist()]
    check(len(every) == 4 and (every[1] == made[0]).all() and (every[2] == made[1]).all(), f'{name} has all four, the single ones among them')
    for o in every: check(o.shape == original.shape and (o[~hole] == original[~hole]).all(), 'downloaded: outside of the hole the original, bit for bit')
    apart = [np.abs(a[hole].astype(float) - b[hole]).mean() for i, a in enumerate(every) for b in every[:i]]
    check(min(apart) > 0, f'and different in it: {np.mean(apart):.2f} of 255 on average, at least {min(apart):.2f}')
    note(f'4 completions downloaded as PNG: known pixels equal the original, and in the hole they are {np.mean(apart):.2f} of 255 apart (at least {min(apart):.2f})')

def test_going_on(me):
    page = me.page
    me.do('keep')
    me.w.locator('.pn-small .pn-thumb').wait_for()
    me.do('like')
    me.complete(press=False)
    check('like no. 3 of round' in me.title(), me.title())
    me.thumbs().nth(0).click()
    me.do('between')
    me.shot('pairing')
    me.thumbs().nth(3).click()
    me.complete(press=False)
    check(me.thumbs().count() == 9 and 'from no. 1 to no. 4' in me.title(), me.title())
    me.thumbs().nth(0).click()
    walk = me.w.get_by_label('In between: from one')
    walk.focus()
    for _ in range(4): page.keyboard.press('ArrowRight')
    check(me.w.locator('.pn-tag').inner_text() == '5 of 9', 'the slider walks')
    page.wait_for_timeout(500)
    me.shot('between')
    me.w.locator('.pn-small .pn-thumb').first.click()
    page.wait_for_function("e => e.querySelector('.pn-head h3').textContent.includes('new')", arg=me.w.element_handle())
    check(me.w.locator('.pn-tag').inner_text() == '3 of 4', 'back at what was kept')
    me.do('use')
    me.w.locator('[data-do=earlier]').wait_for()
    check(me.covered() == 0, 'used as the picture: a new hole can be painted')
    me.stroke((.2, .3), (.4, .3), steps=3)
    me.complete()
    me.w.locator('[data-do=earlier]').click()
    me.w.locator('[data-do=earlier]').wait_for(state='hidden')
    check(me.covered() > .02, 'back at the picture before, with its hole')

def test_trouble(me, folder):
    page = me.page
    me.set(model, 'no/such/folder')
    me.do('complete')
    me.state('error')
    check(me.text().startswith('No weights at') and me.w.locator('.pn-status').get_attribute('role') == 'alert', f'an error is a sentence: {me.text()}')
    me.shot('error')
    me.set(model, '')
    me.do('clear')
    me.do('complete')
    me.says('no hole yet')
    check(me.w.locator('.pn-status').get_attribute('role') == 'alert', f'no hole: {me.text()}')
    me.stroke((.4, .4), (.6, .6), steps=3)
    rounds = lambda: int(me.title().split(':')[0].split()[-1])
    n = rounds()
    slow_weights(folder/'slow.safetensors')
    me.set(model, folder/'slow.safetensors')
    me.set('Samples', 32)
    me.do('complete')
    me.w.locator('[data-do=stop]').wait_for()
    me.shot('busy')
    me.stroke((.2, .7), (.4, .7), steps=3)                      # paint on
    me.set('Samples', 2)
    me.do('complete')                                           # and press again
    me.complete(press=False)
    page.wait_for_timeout(1500)
    check(rounds() == n + 1 and me.thumbs().count() == 2, 'pressed twice: the newest press wins')
    me.set('Samples', 32)
    me.do('complete')
    me.do('stop')
    me.state('ready')
    check(me.text() == 'Stopped.' and rounds() == n + 1, 'stopped')
    me.set(model, '')
    me.do('learn')
    page.wait_for_function("[...document.querySelectorAll('.pn-status')].some(o => o.textContent.startsWith('Learning: step'))", timeout=120_000)
    me.do('stop')
    me.state('ready')
    check(me.text() == 'Stopped.' and rounds() == n + 1, 'learning stopped: nothing is kept')
    me.set('Samples', 8)

def test_files(me, folder):
    page = me.page
    big = Image.open(root/'picnet_nb/samples/rose_1.jpg').resize((3000, 2000))
    big.putpixel((0, 0), (1, 2, 3))
    rng = np.random.default_rng(0)
    noisy = np.clip(np.asarray(big, int) + rng.integers(-12, 13, (2000, 3000, 3)), 0, 255).astype(np.uint8)     # so that the file is large
    Image.fromarray(noisy).save(folder/'large.png')
    if me.thumbs().count(): me.thumbs().nth(0).click()           # opened while looking at a completion: back to drawing
    me.open(folder/'large.png')
    check(not me.w.locator('.pn-actions').is_visible(), 'a new picture is there to draw on')
    check('3000x2000' in me.text(), f'a file of {(folder/"large.png").stat().st_size/1e6:.0f} MB: {me.text()}')
    me.size(60)
    me.stroke((.4, .4), (.5, .5), steps=4)
    hole = hole_of(me)
    check(hole.shape == (2000, 3000) and hole.any(), 'its mask has 3000x2000 pixels')
    me.set('Samples', 2)
    me.complete()
    me.thumbs().nth(0).click()
    out = pixels(me.download(me.w.locator('[data-do=download]').click)[1])
    check(out.shape == noisy.shape and (out[~hole] == noisy[~hole]).all() and (out[hole] != noisy[hole]).any(), 'worked on at full size: known pixels bit for bit')
    me.shot('large')
    mask = np.zeros((2000, 3000), np.uint8)
    mask[500:900, 1000:1500] = 255
    Image.fromarray(mask).save(folder/'mask.png')
    me.open(folder/'mask.png', 1)
    me.do('brush')
    page.wait_for_timeout(500)
    check(all(me.ink((.34, .3), (.49, .44))) and abs(me.covered() - (mask > 0).mean()) < .01, 'a mask from a file replaces the hole')
    check((hole_of(me) == (mask > 0)).all(), 'and comes back as it was')
    me.do('undo')
    check(not any(me.ink((.35, .3))), 'which can be undone')
    drop = """(e, data) => { const t = new DataTransfer(), bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0))
        t.items.add(new File([bytes], 'dropped.jpg', { type: 'image/jpeg' }))
        for (const k of ['dragover', 'drop']) e.dispatchEvent(new DragEvent(k, { dataTransfer: t, bubbles: true, cancelable: true })) }"""
    me.w.locator('.pn-stage').evaluate(drop, base64.b64encode((root/'picnet_nb/samples/tulip_1.jpg').read_bytes()).decode())
    page.wait_for_function("e => e.querySelector('select').selectedOptions[0].textContent == 'dropped'", arg=me.w.element_handle())
    check(True, 'a picture that is dropped')
    (folder/'notes.png').write_text('not a picture')
    me.open(folder/'notes.png')
    check(me.text() == 'Notes.png can not be opened: it is no image of a known format.', me.text())

def test_speed(me, folder):
    "From a move of the mouse to ink, at a canvas of at least 1024 pixels."
    page = me.page
    Image.open(root/'picnet_nb/samples/rose_2.jpg').resize((1200, 560)).save(folder/'wide.png')
    page.set_viewport_size(dict(width=1700, height=1000))
    me.open(folder/'wide.png')
    me.find()
    me.size(50)
    width = me.w.locator('.pn-ink').evaluate('c => c.width')
    check(width >= 1024, f'a canvas of {width} pixels')
    # after the widget's own listener: read the pixel under the pen, which forces the drawing to be done; then wait for the frame
    me.w.locator('.pn-stage').evaluate("""stage => { const c = stage.querySelector('canvas'), ctx = c.getContext('2d'), t = window.times = []
        window.addEventListener('pointermove', () => { window.began = performance.now() }, true)
        stage.addEventListener('pointermove', e => { if (!e.buttons) return
            const own = performance.now() - window.began
            const r = c.getBoundingClientRect(), k = c.width/r.width
            const ink = ctx.getImageData(Math.round((e.clientX - r.left)*k), Math.round((e.clientY - r.top)*k), 1, 1).data[3] > 127
            const o = { ink, own, drawn: performance.now() - e.timeStamp }
            t.push(o)
            requestAnimationFrame(() => { const m = new MessageChannel(); m.port1.onmessage = () => { o.shown = performance.now() - e.timeStamp }; m.port2.postMessage(0) }) }) }""")
    b = me.w.locator('.pn-stage').bounding_box()
    page.mouse.move(b['x'] + 20, b['y'] + b['height']/2); page.mouse.down()
    for k in range(1, 201): page.mouse.move(b['x'] + 20 + k*(b['width'] - 40)/200, b['y'] + b['height']*(.5 + .3*np.sin(k/8)))
    page.mouse.up()
    page.wait_for_timeout(500)
    times = page.evaluate('window.times')
    check(len(times) >= 100 and all(o['ink'] for o in times), f'{len(times)} moves, and after each there is ink under the pen')
    for what, key in (('the work of the widget for a move', 'own'), ('from the move to ink in the canvas', 'drawn'), ('from the move to the frame with it', 'shown')):
        t = [o[key] for o in times if key in o]
        note(f'{what}: median {np.median(t):.1f} ms, 95% below {np.percentile(t, 95):.1f} ms ({len(t)} moves, canvas {width} px wide, load {os.getloadavg()[0]:.1f})')
    check(np.median([o['drawn'] for o in times]) < 500, 'ink follows the pen')
    page.set_viewport_size(dict(width=1440, height=1000))
    me.sample('daisy_1')
    me.stroke((.4, .4), (.6, .6), steps=3)
    me.set('Samples', 8)
    for _ in range(2): me.complete()
    note(f'{me.text()[:-1]}, the second time (load {os.getloadavg()[0]:.1f})')

def test_looks(me):
    page = me.page
    me.thumbs().nth(1).click()
    page.wait_for_timeout(600)
    me.do('keep')
    command(page, 'apputils:change-theme', theme='JupyterLab Dark')
    page.wait_for_timeout(1000)
    me.shot('dark')
    dark = me.w.evaluate('e => getComputedStyle(e).backgroundColor')
    page.set_viewport_size(dict(width=560, height=1500))
    page.wait_for_timeout(800)
    me.find()
    wide = me.w.evaluate('e => e.scrollWidth <= e.clientWidth && [...e.querySelectorAll("button")].every(b => !b.offsetParent || b.getBoundingClientRect().right <= e.getBoundingClientRect().right)')
    check(wide, 'nothing is cut off in a narrow window')
    me.shot('narrow_dark')
    command(page, 'apputils:change-theme', theme='JupyterLab Light')
    page.wait_for_timeout(1000)
    me.shot('narrow_light')
    light = me.w.evaluate('e => getComputedStyle(e).backgroundColor')
    check(dark != light, f'the theme is followed: {dark}, {light}')
    bare = me.w.evaluate("""e => [...e.querySelectorAll('button, input:not([type=file]), select, [tabindex="0"]')].filter(b => b.offsetParent)
        .filter(b => !(b.getAttribute('aria-label') || b.textContent.trim() || b.closest('label')?.textContent.trim())).map(b => b.outerHTML.slice(0, 120))""")
    check(not bare, f'every control has a name {bare}')

def copy_of_notebook(folder):
    folder.mkdir()
    shutil.copy(root/'nbs/15_widget.ipynb', folder)
    shutil.copytree(root/'nbs/images', folder/'images')

@contextlib.contextmanager
def at_work(sample, seed, n, brush, **how): # how: see `browser`
    "A person before the widget alone, with an image and all settings made."
    with tempfile.TemporaryDirectory(prefix='picnet_browser_') as tmp:
        with lab(Path(tmp), gui) as (port, token), browser(**how) as page:
            open_notebook(page, port, token, next(Path(tmp).glob('widget-*.ipynb')).name)
            me = Person(page)
            me.sample(sample)
            me.w.get_by_label('Fixed seed').check()
            me.set('Seed', seed)
            me.set('Samples', n)
            me.size(brush)
            yield me

def picture(file, sample, seed):
    "The widget at work, for the notebook and the README."
    with at_work(sample, seed, 9, 70, viewport=dict(width=1460, height=1300), device_scale_factor=1.5) as me:
        me.stroke((.42, .46), (.5, .42), (.56, .5), (.5, .58), (.44, .54), (.5, .5), steps=6)
        me.complete()
        me.page.mouse.move(*me.at(.66, .56), steps=3)
        me.page.wait_for_timeout(400)
        shot = Image.open(io.BytesIO(me.w.screenshot())).convert('RGB')
    shot = shot.resize((1000, round(1000*shot.height/shot.width)), Image.Resampling.LANCZOS)
    shot.save(file, optimize=True)
    if file.stat().st_size > 600_000: shot.quantize(256).save(file, optimize=True)
    note(f'{file}: {shot.width}x{shot.height}, {file.stat().st_size/1000:.0f} KB')

def test_elsewhere(tmp, shots):
    "By the command line, and in Notebook 7."
    (tmp/'gui').mkdir()
    with lab(tmp/'gui', gui) as (port, token), browser(viewport=dict(width=1200, height=900)) as page:
        name, = (o.name for o in (tmp/'gui').glob('*.ipynb'))   # picnet_complete --gui has written it
        open_notebook(page, port, token, name)
        Person(page)
        check(True, 'and JupyterLab shows the widget in it')
    with lab(tmp/'gui', [sys.executable, '-m', 'notebook', str(tmp/'gui')]) as (port, token), browser(viewport=dict(width=1200, height=900), device_scale_factor=2) as page:
        open_notebook(page, port, token, name, 'notebooks')
        me = Person(page, shots)
        check(me.w.locator('.pn-ink').evaluate('c => c.width/c.clientWidth') == 2, 'sharp on a screen of high resolution')
        me.stroke((.3, .3), (.5, .6), (.65, .35), steps=3)
        me.complete()
        me.thumbs().nth(0).click()
        page.wait_for_timeout(500)
        me.shot('notebook_7', whole=True)
        before = me.covered()
        page.keyboard.press('Control+s')
        page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
        page.reload()
        me = Person(page)
        page.wait_for_timeout(500)
        check(me.thumbs().count() == 8 and abs(me.covered() - before) < .01, 'in Notebook 7 as well; after loading the page again, all is there')

def main(shots):
    with tempfile.TemporaryDirectory(prefix='picnet_browser_') as tmp:
        tmp = Path(tmp)
        copy_of_notebook(tmp/'home')
        start = time.time()
        with lab(tmp/'home', [sys.executable, '-m', 'jupyterlab', str(tmp/'home')]) as (port, token), browser(viewport=dict(width=1440, height=1000), has_touch=True) as page:
            open_notebook(page, port, token, '15_widget.ipynb')
            me = Person(page, shots)
            me.shot('start')
            try:
                for f in (test_drawing, test_completing, test_going_on): f(me)
                test_trouble(me, tmp)
                test_files(me, tmp)
                test_speed(me, tmp)
                test_looks(me)
            except Exception:
                if shots: me.shot('failed', whole=True)
                raise
            badge = 'https://colab.research.google.com/assets/colab-badge.svg'     # the chapter's, not the widget's
            away = [u for u in page.asked if not u.startswith((f'http://127.0.0.1:{port}', f'ws://127.0.0.1:{port}', 'blob:', 'data:', badge))]
            check(not away, f'nothing is asked of another machine {away[:3]}')
            check(not page.errors, f'no errors on the page {page.errors[:3]}')
        test_elsewhere(tmp, shots)
        note(f'drawn, completed, varied, downloaded in {time.time() - start:.0f} s' + (f'; {len(shown)} screenshots in {shots}' if shots else ''))

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--shots', type=Path, help='folder for screenshots')
    p.add_argument('--picture', type=Path, help='make the picture for the README instead of testing')
    p.add_argument('--sample', default='daisy_1', help='the photograph for --picture (daisy_1)')
    p.add_argument('--seed', type=int, default=3, help='the seed for --picture (3)')
    a = p.parse_args()
    if a.shots: a.shots.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('stopped'))
    picture(a.picture, a.sample, a.seed) if a.picture else main(a.shots)
