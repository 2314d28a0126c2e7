"""The code in the solutions of the exercises must run. Each chapter is run, and then the python blocks of its solutions.

    python .ci/solutions.py                          all chapters: about ten minutes of processor time
    python .ci/solutions.py nbs/02_masks.ipynb ...   some of them

What a solution prints is shown, so that the numbers in its text can be compared. Nothing is written.
"""
import re, sys
from pathlib import Path
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

nbs = Path(__file__).resolve().parent.parent/'nbs'

def solutions(nb):
    "The python blocks in the solutions of a notebook."
    details = [d for c in nb.cells if c.cell_type == 'markdown' for d in re.findall(r'<details>(.*?)</details>', c.source, re.S)]
    return [code for d in details for code in re.findall(r'^```python\n(.*?)^```', d, re.S | re.M)]

def said(cell): return ''.join(o.get('text', '') for o in cell.outputs if o.get('name') == 'stdout').rstrip()

def check(path):
    "Run a chapter and its solutions; how many ran, and how many there are."
    nb = nbformat.read(path, 4)
    for c in nb.cells:
        if c.cell_type == 'code' and re.search(r'^#\|\s*eval:\s*false', c.source, re.M): c.source = ''
    codes, good = solutions(nb), 0
    client = NotebookClient(nb, timeout=3600, kernel_name='python3', resources={'metadata': {'path': str(nbs)}})
    with client.setup_kernel():
        for i, c in enumerate(nb.cells):
            if c.cell_type == 'code': client.execute_cell(c, i)
        for k, code in enumerate(codes, 1):
            cell = nbformat.v4.new_code_cell(code)
            nb.cells.append(cell)
            try: client.execute_cell(cell, len(nb.cells) - 1); good += 1
            except CellExecutionError as e: print(f'{path.name}, solution {k} failed: {e}')
            print(f'solution {k}:', said(cell), sep='\n', flush=True)
    return good, len(codes)

if __name__ == '__main__':
    paths = [Path(o) for o in sys.argv[1:]] or sorted(nbs.glob('[!_.]*.ipynb'))
    found = {}
    for p in paths:
        print(f'--- {p.name}', flush=True)
        found[p] = check(p)
    good, n = (sum(o[i] for o in found.values()) for i in (0, 1))
    print(f'{good} of {n} solutions ran')
    sys.exit(good < n)
