"""Makes nbs/images/widget.gif again, from the bundled weights: a person paints a hole, completes, and looks at some completions.

    python .ci/widget_gif.py [FILE] [--sample NAME] [--seed N]
"""
import argparse, io
from pathlib import Path
from PIL import Image, ImageDraw
from browser import at_work, root

stroke = [(.38, .42), (.52, .36), (.63, .40), (.66, .54), (.52, .62), (.42, .56), (.46, .47), (.58, .50)]

def film(sample, seed, n=6, picks=(2, 5, 0)):
    "Screenshots, and for how long each is shown, ms."
    shots = []
    with at_work(sample, seed, n, 72, viewport=dict(width=1240, height=1300), device_scale_factor=1) as me:
        mouse, at = me.page.mouse, [0, 0]
        def move(x, y): at[:] = x, y; mouse.move(x, y, steps=3)
        def to(where): b = where.bounding_box(); move(b['x'] + .6*b['width'], b['y'] + .6*b['height'])
        def shot(ms):
            me.page.wait_for_timeout(150)
            b, img = me.w.bounding_box(), Image.open(io.BytesIO(me.w.screenshot(animations='disabled'))).convert('RGB')
            x, y = at[0] - b['x'], at[1] - b['y']
            arrow = [(x + dx, y + dy) for dx, dy in ((0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12))]
            ImageDraw.Draw(img).polygon(arrow, 'black', 'white')
            shots.append((img, ms))
        move(*me.at(.2, .8)); shot(900)
        move(*me.at(*stroke[0])); mouse.down()
        for p in stroke[1:]: move(*me.at(*p)); shot(220)
        mouse.up()
        to(me.w.locator('[data-do=complete]')); shot(500)
        me.complete()
        me.w.locator('.pn-status').evaluate("e => { e.style.visibility = 'hidden' }")     # how long it took here says nothing
        shot(1200)
        for k in picks:
            to(me.thumbs().nth(k))
            me.choose(k)
            me.page.wait_for_timeout(500)
            shot(1300)
        shots[-1] = shots[-1][0], 2500
    return shots

def save(file, shots, width, colors):
    high = max(o.height for o, _ in shots)
    frames = []
    for o, _ in shots:
        page = Image.new('RGB', (o.width, high), 'white'); page.paste(o)
        frames.append(page.resize((width, round(width*high/o.width)), Image.Resampling.LANCZOS))
    strip = Image.new('RGB', (width, sum(o.height for o in frames)))      # one palette for all
    for i, o in enumerate(frames): strip.paste(o, (0, i*frames[0].height))
    palette = strip.quantize(colors, Image.Quantize.MEDIANCUT, kmeans=4, dither=Image.Dither.NONE)
    frames = [o.quantize(palette=palette, dither=Image.Dither.NONE) for o in frames]
    frames[0].save(file, save_all=True, append_images=frames[1:], duration=[ms for _, ms in shots], loop=0, optimize=True, disposal=1)
    return file.stat().st_size

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('file', nargs='?', type=Path, default=root/'nbs/images/widget.gif')
    p.add_argument('--sample', default='tulip_3')
    p.add_argument('--seed', type=int, default=3)
    a = p.parse_args()
    shots = film(a.sample, a.seed)
    for width, colors in ((760, 128), (720, 112), (680, 96), (640, 80), (560, 64), (480, 48)):
        size = save(a.file, shots, width, colors)
        print(f'{a.file}: {len(shots)} frames of {width} px, {colors} colors, {size/1000:.0f} KB', flush=True)
        if size <= 250_000: break
