"""The solutions of the exercises must run, and be right by the cells that check a reader's answers. .ci/colab.py runs them too, after each notebook.

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
missing = re.compile(r'^\s*\w+\s*=\s*\.\.\.[ \t]*(#.*)?$', re.M)       # a reader's answer

def add_solutions(nb):
    "Append the python blocks of the solutions, then the cells with `check` that they answer; both lists of cells."
    details = [d for c in nb.cells if c.cell_type == 'markdown' for d in re.findall(r'<details>(.*?)</details>', c.source, re.S)]
    blocks = [code for d in details for code in re.findall(r'^```python\n(.*?)^```', d, re.S | re.M)]
    asked = [missing.sub('', c.source) for c in nb.cells if c.cell_type == 'code' and missing.search(c.source) and 'check(' in c.source]
    cells = [[nbformat.v4.new_code_cell(o) for o in group] for group in (blocks, asked)]
    nb.cells += cells[0] + cells[1]
    return cells

def said(cell): return ''.join(o.get('text', '') for o in cell.outputs if o.get('name') == 'stdout').rstrip()

def wrong(cells): return [c.source for c in cells if {*said(c).splitlines()} != {'Right.'}]

def check(path):
    "Run a chapter and its solutions; how many are right, and how many there are."
    nb = nbformat.read(path, 4)
    for c in nb.cells:
        if c.cell_type == 'code' and re.search(r'^#\|\s*eval:\s*false', c.source, re.M): c.source = ''
    chapter = len(nb.cells)
    solutions, checks = add_solutions(nb)
    client, good = NotebookClient(nb, timeout=3600, kernel_name='python3', resources={'metadata': {'path': str(nbs)}}), 0
    with client.setup_kernel():
        for i, c in enumerate(nb.cells):
            if c.cell_type != 'code': continue
            try: client.execute_cell(c, i)
            except CellExecutionError as e:
                if i < chapter: raise
                print(f'{path.name}, solution {i - chapter + 1} failed: {e}')
                continue
            if i < chapter: continue
            if fault := c in checks and wrong([c]): print(f'{path.name}: no solution answers\n{c.source}')
            good += not fault
            print(f'solution {i - chapter + 1}:', said(c), sep='\n', flush=True)
    return good, len(solutions + checks)

if __name__ == '__main__':
    paths = [Path(o) for o in sys.argv[1:]] or sorted(nbs.glob('[!_.]*.ipynb'))
    found = {}
    for p in paths:
        print(f'--- {p.name}', flush=True)
        found[p] = check(p)
    good, n = (sum(o[i] for o in found.values()) for i in (0, 1))
    print(f'{good} of {n} solutions and checks are right')
    sys.exit(good < n)
