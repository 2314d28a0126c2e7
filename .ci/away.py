"""Checks that run with the installed wheel, outside of the clone: imports | samples | completions DIR [N] | trained DIR STEP..."""
import csv, importlib, importlib.util, pkgutil, sys, time
from pathlib import Path

not_at_run_time = 'nbdev fastcore execnb ghapi IPython ipywidgets sklearn skimage torchmetrics'.split()

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

def samples():
    "The folder of the bundled pictures."
    import picnet_nb
    print(Path(picnet_nb.__file__).parent/'samples')

def trained(folder, *steps):
    "The log has a line for each of these steps, and the last of them has a checkpoint and weights."
    folder = Path(folder)
    with open(folder/'log.csv') as f: rows = [*csv.DictReader(f)]
    assert [int(r['step']) for r in rows] == [int(s) for s in steps], f'steps in the log: {[r["step"] for r in rows]}, expected: {steps}'
    assert all(float('-inf') < float(v) < float('inf') for r in rows for k, v in r.items() if k != 'diversity'), f'not finite: {rows}'
    for o in (f'checkpoint-{int(steps[-1]):07}.pt', 'model.safetensors', 'samples.png'): assert (folder/o).stat().st_size > 0, o
    print(f'- {folder.name}: steps {", ".join(steps)}; ' + ', '.join(f'{o.name} {o.stat().st_size/1e6:.1f} MB' for o in sorted(folder.iterdir())))

if __name__ == '__main__':
    what, *args = sys.argv[1:]
    dict(imports=imports, samples=samples, trained=trained)[what](*args)
