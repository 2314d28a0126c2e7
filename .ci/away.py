"""Checks that run with the installed wheel, outside of the clone: imports CLONE | samples | task DIR |
completions DIR N [PICTURE MASK] | trained DIR STEP... | evaluation DIR PICTURES N"""
import csv, importlib, importlib.util, pkgutil, subprocess, sys, time
from pathlib import Path

not_at_run_time = 'nbdev fastcore execnb ghapi jupyterlab sklearn skimage torchmetrics efficientnet_lite_pytorch pandas tabulate huggingface_hub gdown accelerate datasets'.split()

def imports(clone):
    "Every module can be imported from the wheel, and what is for development only is not there."
    start = time.time()
    import picnet_nb
    assert Path(sys.prefix) in Path(picnet_nb.__file__).parents, f'not from the wheel: {picnet_nb.__file__}'
    assert not any(Path(clone) in [Path(o), *Path(o).parents] for o in sys.path), f'the clone is on the path: {sys.path}'
    there = [o for o in not_at_run_time if importlib.util.find_spec(o)]
    assert not there, f'should not be here: {there}'
    names = sorted(m.name for m in pkgutil.iter_modules(picnet_nb.__path__) if not m.name.startswith('_'))
    sources = sorted(o.stem for o in Path(clone, 'picnet_nb').glob('[!_]*.py'))
    assert names == sources, f'modules in the wheel: {names}, in the clone: {sources}'
    for o in names: importlib.import_module(f'picnet_nb.{o}')
    assert 'matplotlib.pyplot' not in sys.modules, 'importing the package imports pyplot, which is slow: import it inside of functions'
    print(f'- {len(names)} modules in {time.time() - start:.1f} s: {" ".join(names)}')
    from picnet_nb.hub import load
    try: load('some/repository')
    except FileNotFoundError as e: assert "pip install 'picnet_nb[hub]'" in str(e), f'load of a repository does not say what to install: {e}'
    else: raise AssertionError('a repository can be loaded without the [hub] packages')
    gui = subprocess.run([Path(sys.prefix)/'bin'/'picnet_complete', '--gui'], capture_output=True, text=True)
    assert gui.returncode == 2 and "pip install 'picnet_nb[gui]'" in gui.stderr, f'picnet_complete --gui does not say what to install: {gui.stderr}'
    print(f'- {gui.stderr.strip().splitlines()[-1]}')

def samples():
    "The folder of the bundled pictures."
    import picnet_nb
    print(Path(picnet_nb.__file__).parent/'samples')

def task(folder):
    "A picture of 300x200 pixels and a mask of an odd shape, in a folder."
    from PIL import Image, ImageDraw
    folder = Path(folder)
    folder.mkdir()
    from picnet_nb.data import example_image
    example_image().resize((300, 200)).save(folder/'picture.png')
    mask = Image.new('L', (300, 200))
    ImageDraw.Draw(mask).ellipse((130, 40, 240, 130), 255)
    mask.save(folder/'mask.png')

def completions(folder, n, picture=None, mask=None):
    "`n` different pictures and a sheet; outside of the hole each is the original, bit for bit. Without `picture`: a sample, its center missing."
    import numpy as np, picnet_nb
    from PIL import Image
    (sheet,), n = Path(folder).glob('*_sheet.png'), int(n)
    name = sheet.stem.removesuffix('_sheet')
    files = sorted(Path(folder, name).glob('*.png'))
    assert len(files) == n, f'{len(files)} pictures, not {n}: {files}'
    made = [np.asarray(Image.open(o)) for o in files]
    truth = np.asarray(Image.open(picture or Path(picnet_nb.__file__).parent/'samples'/f'{name}.jpg').convert('RGB'))
    h, w = truth.shape[:2]
    if mask: hole = np.asarray(Image.open(mask)) > 127
    else:
        from picnet_nb.masks import center_mask
        hole = center_mask(1, (h, w))[0, 0].numpy()
    for f, o in zip(files, made):
        assert o.shape == truth.shape and o.dtype == np.uint8, f'{f}: {o.shape} {o.dtype}, the picture is {truth.shape}'
        assert (o[~hole] == truth[~hole]).all(), f'{f}: {(o[~hole] != truth[~hole]).any(-1).sum()} known pixels have changed'
        assert (o[hole] != truth[hole]).any(-1).mean() > .5, f'{f}: the hole is not filled anew'
    apart = [np.abs(a[hole].astype(float) - b[hole]).mean() for i, a in enumerate(made) for b in made[:i]]
    assert min(apart) > 0, 'two completions are the same'
    with Image.open(sheet) as s: s.load(); size = s.size
    assert size[0]*size[1] > 10_000, size
    print(f'- {n} completions of {name} ({w}x{h}), a hole of {hole.mean():.0%}; two of them are {np.mean(apart):.1f} of 255 apart in it (at least '
          f'{min(apart):.1f}); sheet {size[0]}x{size[1]}')

def trained(folder, *steps):
    "The log has a line for each of these steps, and the last of them has a checkpoint and weights."
    folder = Path(folder)
    with open(folder/'log.csv') as f: rows = [*csv.DictReader(f)]
    assert [int(r['step']) for r in rows] == [int(s) for s in steps], f'steps in the log: {[r["step"] for r in rows]}, expected: {steps}'
    assert all(float('-inf') < float(v) < float('inf') for r in rows for k, v in r.items()), f'not finite: {rows}'
    for o in (f'checkpoint-{int(steps[-1]):07}.safetensors', 'model.safetensors', 'samples.png'): assert (folder/o).stat().st_size > 0, o
    print(f'- {folder.name}: steps {", ".join(steps)}; ' + ', '.join(f'{o.name} {o.stat().st_size/1e6:.1f} MB' for o in sorted(folder.iterdir())))

def evaluation(folder, pictures, n):
    "A table in four forms and a picture, from so many pictures and samples of each."
    import json
    from PIL import Image
    folder, pictures = Path(folder), int(pictures)
    result = json.loads((folder/'result.json').read_text())
    info, got = result['info'], {(r['measure'], r['hole'], r['statistic']): r['value'] for r in result['results']}
    assert (info['pictures'], info['n']) == (pictures, int(n)), info
    holes = 'center', 'rectangles', 'strokes', 'all'
    assert all(got['diversity_hole', h, 'mean'] > 0 and 5 < got['psnr', h, 'first'] <= got['psnr', h, 'best'] < 40 for h in holes), got
    for o in ('table.md', 'table.csv', 'pictures.csv'): assert (folder/o).stat().st_size > 0, o
    with Image.open(folder/'cases.png') as s: s.load()
    print(f'- {pictures} pictures, {n} samples: PSNR {got["psnr", "all", "mean"]:.2f} dB, diversity in the hole {got["diversity_hole", "all", "mean"]:.3f}, {info["seconds"]} s')

if __name__ == '__main__':
    what, *args = sys.argv[1:]
    dict(imports=imports, samples=samples, task=task, completions=completions, trained=trained, evaluation=evaluation)[what](*args)
