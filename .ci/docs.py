"""The site: every notebook a page, every module an API page, nothing executed. `python .ci/docs.py` builds _site/ and checks its links.

    python .ci/docs.py           build and check
    python .ci/docs.py --check   check what is there
    python .ci/docs.py --serve   show it at http://127.0.0.1:8000 and build again after each change

mkdocs calls the `on_...` functions: mkdocs.yml names this file as its hook. The package is read with `ast`, not imported.
Formulas are set by MathJax, which is copied from the package django-static-mathjax: no page asks anything of another machine.
"""
import ast, base64, html, io, json, posixpath, re, sys, time, tokenize
from configparser import ConfigParser
from html.parser import HTMLParser
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

root = Path(__file__).resolve().parent.parent
ini = ConfigParser(delimiters=['='])
ini.read(root/'settings.ini', encoding='utf-8')
cfg = ini['DEFAULT']
site, github = root/'_site', f'{cfg["git_url"]}/blob/{cfg["branch"]}/'
base = cfg['doc_baseurl'].rstrip('/') + '/'

def text(x): return ''.join(x) if isinstance(x, list) else x

# --- notebooks
directive = re.compile(r'^\s*#\s*\|')
link = re.compile(r'''(?P<pre>\]\(|\b(?:src|href)=["'])(?P<to>[^)"'\s]+)''')
badge = re.compile(r'\[!\[Open in Colab\]\[badge\]\]')
lone_badge = re.compile(r'\[!\[Open in Colab\]\(\S+\)\]\(\S+\)')
ansi = re.compile(r'\x1b\[[0-9;?]*[a-zA-Z]')

class Chapter:
    "A notebook as a page."
    def __init__(self, path):
        self.path, self.stem = path, path.stem
        self.cells = json.loads(path.read_text(encoding='utf-8'))['cells']
        self.module, self.title, self.pictures = None, self.stem, {}
        for c in self.cells:
            src = text(c['source'])
            if m := re.search(r'^#\|\s*default_exp\s+(\S+)', src, re.M): self.module = m[1]
            if c['cell_type'] == 'markdown' and (m := re.search(r'^# (.+)', src, re.M)): self.title = m[1].strip(); break

    @property
    def number(self): return self.stem.split('_')[0] if self.stem[0].isdigit() else ''

    def markdown(self):
        if self.stem == 'index': return '---\nhide: [toc]\n---\n\n' + '\n\n'.join(p for i, c in enumerate(self.cells) for p in self.parts(i, c))
        parts = [p for i, c in enumerate(self.cells) for p in self.parts(i, c)]
        colab = f'https://colab.research.google.com/github/{cfg["user"]}/{cfg["repo"]}/blob/{cfg["branch"]}/nbs/{self.path.name}'
        links = [f'[Open in Colab]({colab})', f'[Notebook]({github}nbs/{self.path.name})']
        if self.module: links += [f'[API](api/{self.module}.md)', f'[Module]({github}picnet_nb/{self.module}.py)']
        bar = f'Code with a bar at its left is exported to `picnet_nb.{self.module}`.' if self.module else ''
        title, _, rest = parts[0].partition('\n\n')
        return '\n\n'.join([title, ' · '.join(links) + '\n{ .links }', f'{bar}\n{{ .links }}' if bar else '', rest, *parts[1:]])

    def parts(self, i, cell):
        "The pieces of markdown that a cell becomes."
        src = text(cell['source']).strip('\n')
        marks = {' '.join(re.sub(r'^\s*#\s*\|', '', l).split()) for l in src.splitlines() if directive.match(l)}
        if cell['cell_type'] == 'markdown': return [to_markdown(src)] if src else []
        if cell['cell_type'] != 'code' or marks & {'hide', 'include: false'}: return []
        code = '\n'.join(l for l in src.splitlines() if not directive.match(l)).strip('\n')
        exported = ' .export' if any(m.split()[0].startswith('export') for m in marks if m) else ''
        shown = [fence(code, '.python' + exported)] if code and 'echo: false' not in marks else []
        return shown + [p for j, o in enumerate(cell.get('outputs', [])) if 'output: false' not in marks for p in self.output(i, j, o, code)]

    def output(self, i, j, o, code=''):
        if o['output_type'] == 'stream': return plain(text(o['text']))
        data = o.get('data', {})
        for kind, end in [('image/png', 'png'), ('image/jpeg', 'jpg')]:
            if kind in data:
                name = f'pictures/{self.stem}_{i}_{j}.{end}'
                self.pictures[name] = base64.b64decode(text(data[kind]))
                return [f'![{in_words(code)}]({name}){{ .output loading=lazy }}']
        if 'text/markdown' in data: return [to_markdown(text(data['text/markdown']))]
        return plain(text(data.get('text/plain', '')))

def plain(s):
    "Printed text: of a line that was written over, what was left at last."
    s = '\n'.join(l.rstrip('\r').rsplit('\r', 1)[-1] for l in ansi.sub('', s).splitlines()).strip('\n')
    return [fence(s, '.text .output .no-copy')] if s.strip() else []

def fence(s, what): n = max([2, *map(len, re.findall('`{3,}', s))]) + 1; return f'{"`"*n} {{ {what} }}\n{s}\n{"`"*n}'

def in_words(code):
    "What a picture says about itself, for people who can't see it: titles, axes and labels, as the code that draws them has them."
    try: tree = ast.parse(re.sub(r'^\s*[!%].*', '', code, flags=re.M))
    except SyntaxError: return 'What the code above shows'
    found, named = {}, {'title', 'titles', 'rows', 'label', 'xlabel', 'ylabel'}
    def strings(e):
        if isinstance(e, ast.JoinedStr): yield ''.join(o.value if isinstance(o, ast.Constant) else '…' for o in e.values)
        elif isinstance(e, ast.Constant) and isinstance(e.value, str): yield e.value
        elif isinstance(e, (ast.List, ast.Tuple, ast.BinOp, ast.Starred, ast.IfExp)):
            for o in ast.iter_child_nodes(e): yield from strings(o)
    for o in ast.walk(tree):
        if not isinstance(o, ast.Call): continue
        name = getattr(o.func, 'attr', getattr(o.func, 'id', ''))
        said = [k.value for k in o.keywords if k.arg in named] + (o.args if name.startswith(('show', 'set_title')) else [])
        for t in (t for e in said for t in strings(e)): found[' '.join(re.sub(r'[*`$\\{}\[\]<>"|]', '', t).split())] = 1
    words = '; '.join(o for o in found if re.search(r'\w', o))
    return 'What the code above shows' + (': ' + (words if len(words) < 200 else words[:200].rsplit(' ', 1)[0] + ' …') if words else '')

def slug(s): return re.sub(r'[-\s]+', '-', re.sub(r'[^\w\s-]', '', s).strip().lower())

def to_markdown(src):
    "GitHub's markdown as mkdocs wants it: links to the site's pages, and an empty line before lists and tables."
    src = badge.sub('[Colab]', src).replace('<details>', '<details markdown="1">')   # solutions hold code, tables and formulas
    if src.startswith('[badge]:') or lone_badge.fullmatch(src): return ''       # the page has a link of its own
    out, code, math = [], False, False
    for l in src.splitlines():
        if re.match(r'\s*(```|~~~)', l): code = not code
        inside = code or math
        if not code and l.count('$$') % 2: math = not math
        if not inside:
            item, prev = r'\s*([-*+]|\d+[.)])\s', out[-1] if out else ''
            if re.match(item, l) and not l[0].isspace() and prev.strip() and not prev[0].isspace() and not re.match(item, prev): out.append('')
            if l.startswith('|') and prev.strip() and not prev.startswith('|'): out.append('')
            l = re.sub(r'^( {2,3})(?=\S)', '    ', l) if re.match(r' {2,3}([-*+]|\d+[.)])\s', l) else l
        out.append(l if code else link.sub(to_page, l))
    return '\n'.join(out)

def to_page(m):
    "A link that starts from nbs/, as one of the site: notebooks are pages, files outside of nbs/ are on GitHub."
    to = m['to']
    if re.match(r'[a-z][a-z+.-]*:', to, re.I): return m[0]
    path, tag = urldefrag(to)
    if path.startswith('../'): path = github + posixpath.normpath(posixpath.join('nbs', path))
    elif path.endswith('.ipynb'): path = path.removesuffix('.ipynb') + '.md'
    return m['pre'] + path + (f'#{slug(unquote(tag))}' if tag else '')

def chapters(): return [Chapter(p) for p in sorted((root/'nbs').glob('[!_.]*.ipynb'))]

# --- the package
class Module:
    "A module of the package: its public names, as its source says them."
    def __init__(self, path, chapter):
        self.path, self.name, self.chapter = path, path.stem, chapter
        self.src = path.read_text(encoding='utf-8')
        self.tree = ast.parse(self.src)
        self.doc = ast.get_docstring(self.tree) or ''
        tokens = tokenize.generate_tokens(io.StringIO(self.src).readline)
        self.comments = {t.start[0]: re.sub(r'^#\s*', '', t.string) for t in tokens if t.type == tokenize.COMMENT}
        self.defs, self.all = {}, []
        for o in self.body(self.tree.body):
            if isinstance(o, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)): self.defs[o.name] = o
            if isinstance(o, (ast.Assign, ast.AnnAssign)):
                for t in o.targets if isinstance(o, ast.Assign) else [o.target]:
                    for n in ast.walk(t):
                        if isinstance(n, ast.Name): self.defs.setdefault(n.id, o)
                    if isinstance(t, ast.Name) and t.id == '__all__': self.all = ast.literal_eval(o.value)

    def body(self, stmts):
        "Statements at the top, those in `try` and `if` too."
        for o in stmts:
            yield o
            for part in ('body', 'orelse', 'handlers', 'finalbody'):
                if isinstance(o, (ast.Try, ast.If, ast.ExceptHandler)): yield from self.body(getattr(o, part, []))

    def code(self, node): return ast.unparse(node) if node is not None else ''

    def args(self, f, method=False):
        "Name, type, default and comment of each parameter, and whether the def has a line for each."
        a = f.args
        pos = a.posonlyargs + a.args
        pairs = list(zip(pos, [None]*(len(pos) - len(a.defaults)) + a.defaults))
        if method and pairs and not any(self.code(d) == 'staticmethod' for d in f.decorator_list): pairs = pairs[1:]
        if a.vararg: pairs.append((a.vararg, '*'))
        pairs += list(zip(a.kwonlyargs, a.kw_defaults))
        if a.kwarg: pairs.append((a.kwarg, '**'))
        lines = [(d if isinstance(d, ast.AST) else o).end_lineno for o, d in pairs]
        rows = []
        for (o, d), line in zip(pairs, lines):
            star = d if isinstance(d, str) else ''
            said = self.comments.get(line, '') if lines.count(line) == 1 and line < self.head_end(f) else ''
            rows.append((star + o.arg, self.code(o.annotation), '' if star else self.code(d), said))
        return rows

    def head_end(self, f):
        "The last line of a def's head: the one with the colon."
        first = f.body[0]
        last = first.lineno if first.lineno == f.lineno else first.lineno - 1
        while last > f.lineno and not self.src.splitlines()[last - 1].split('#')[0].rstrip().endswith(':'): last -= 1
        return last

    def returns(self, f): return self.code(f.returns), self.comments.get(self.head_end(f), '')

    def raises(self, f):
        "Each error that it raises itself, with its sentence."
        found = {}
        for o in ast.walk(f):
            if not isinstance(o, ast.Raise) or not isinstance(o.exc, ast.Call): continue
            args = o.exc.args
            said = ''.join(self.words(args[0])) if args else ''
            if said.strip(' …'): found.setdefault((self.code(o.exc.func), said))
        return list(found)

    def words(self, e):
        if isinstance(e, ast.Constant): yield str(e.value)
        elif isinstance(e, ast.JoinedStr):
            for v in e.values: yield str(v.value) if isinstance(v, ast.Constant) else '…'
        elif isinstance(e, ast.BinOp) and isinstance(e.op, ast.Add): yield from self.words(e.left); yield from self.words(e.right)
        else: yield '…'

    def signature(self, name, rows, ret=''):
        args = [n + (f': {t}' if t else '') + ((f' = {d}' if t else f'={d}') if d else '') for n, t, d, _ in rows]
        one = f'{name}({", ".join(args)})' + (f' -> {ret}' if ret else '')
        if len(one) <= 84: return one
        return f'{name}(\n' + ''.join(f'    {o},\n' for o in args) + ')' + (f' -> {ret}' if ret else '')

    def function(self, f, name, level, method=False):
        rows, (ret, said) = self.args(f, method), self.returns(f)
        kinds = {self.code(d) for d in f.decorator_list}
        prop = 'property' in kinds or 'cached_property' in kinds
        sig = name if prop else self.signature(name, rows, ret)
        yield heading(level, name)
        yield fence(sig, '.python .no-copy')
        yield prose(ast.get_docstring(f))
        one_line = self.head_end(f) == f.lineno
        if any(r[3] for r in rows) or (ret and said and not one_line): yield table(rows, (ret, said) if ret or said else None)
        elif said: yield f'{esc(said)}.' if said[-1:] not in '.?!' else esc(said)
        yield self.foot(f, level)

    def foot(self, o, level):
        lines = f'{o.lineno}-L{o.end_lineno}' if o.end_lineno != o.lineno else o.lineno
        out = f'[Source]({github}picnet_nb/{self.path.name}#L{lines})'
        if level == 2 and self.chapter: out += f' · [Chapter {self.chapter.number}](../{self.chapter.stem}.md)'
        errors = self.raises(o) if isinstance(o, ast.FunctionDef) else []
        said = '\n'.join(f'- `{kind}`: {esc(s)}' for kind, s in errors)
        return (f'Raises\n{{ .raises }}\n\n{said}\n\n' if said else '') + f'{out}\n{{ .links }}'

    def klass(self, c):
        init = next((o for o in c.body if isinstance(o, ast.FunctionDef) and o.name == '__init__'), None)
        fields = [o for o in c.body if isinstance(o, ast.AnnAssign) and isinstance(o.target, ast.Name) and not o.target.id.startswith('_')]
        if init: rows = self.args(init, True)
        else: rows = [(o.target.id, self.code(o.annotation), self.code(o.value), self.comments.get(o.end_lineno, '')) for o in fields]
        bases = ', '.join(self.code(b) for b in c.bases)
        yield heading(2, c.name)
        yield fence('class ' + (self.signature(c.name, rows) if init or fields else c.name + (f'({bases})' if bases else '')), '.python .no-copy')
        yield prose(ast.get_docstring(c) or (ast.get_docstring(init) if init else ''))
        if bases and (init or fields): yield f'A `{bases}`.'
        if any(r[3] for r in rows): yield table(rows, None)
        if init and self.raises(init): yield 'Raises\n{ .raises }\n\n' + '\n'.join(f'- `{k}`: {esc(s)}' for k, s in self.raises(init))
        yield self.foot(c, 2)
        for o in c.body:
            if isinstance(o, ast.FunctionDef) and (not o.name.startswith('_') or o.name == '__call__') and ast.get_docstring(o):
                if any(self.code(d).endswith('.setter') for d in o.decorator_list): continue
                yield from self.function(o, f'{c.name}.{o.name}', 3, True)

    def constant(self, o, name):
        yield heading(2, name)
        yield fence(ast.get_source_segment(self.src, o)[:1500], '.python .no-copy')
        if said := self.comments.get(o.end_lineno): yield esc(said[0].upper() + said[1:])
        yield self.foot(o, 2)

    def summary(self, name):
        o = self.defs.get(name)
        if isinstance(o, (ast.Assign, ast.AnnAssign)): return self.comments.get(o.end_lineno, '')
        return (ast.get_docstring(o) or '').split('\n')[0] if o else ''

    def markdown(self):
        parts = [f'---\ntitle: picnet_nb.{self.name}\n---\n\n# picnet_nb.{self.name}', f'> {prose(self.doc)}' if self.doc else '']
        links = [f'[Source]({github}picnet_nb/{self.path.name})']
        if self.chapter: links.insert(0, f'[Chapter {self.chapter.number}: {self.chapter.title}](../{self.chapter.stem}.md)')
        parts += [' · '.join(links) + '\n{ .links }', '| Name | |\n| --- | --- |\n' + '\n'.join(
            f'| [`{n}`](#{n}) | {cell(prose(self.summary(n)))} |' for n in self.all)]
        for n in self.all:
            o = self.defs.get(n)
            if o is None: raise SystemExit(f'{self.path.name}: __all__ names {n}, which is not defined at the top')
            parts += self.klass(o) if isinstance(o, ast.ClassDef) else self.function(o, n, 2) if isinstance(o, ast.FunctionDef) else self.constant(o, n)
        return '\n\n'.join(p for p in parts if p)

def heading(level, name): return f'{"#"*level} {name.replace("_", chr(92) + "_")} {{ #{name.replace("__", "")} }}'
def prose(s): return re.sub(r'(`[^`]*`)|([<>_*\[\]$])', lambda m: m[1] or f'&#{ord(m[2])};', s or '')
esc = prose
def cell(s): return s.replace('|', '&#124;')
def code(s): return f'<code>{html.escape(s).replace("|", "&#124;").replace("*", "&#42;").replace("_", "&#95;").replace("[", "&#91;")}</code>' if s else ''

def table(rows, ret):
    kind = lambda t, d: f'{t} = {d}' if t and d else t or (f'= {d}' if d else '')
    lines = [f'| {code(n)} | {code(kind(t, d))} | {cell(prose(said))} |' for n, t, d, said in rows]
    if ret: lines.append(f'| *returns* | {code(ret[0])} | {cell(prose(ret[1]))} |')
    return '| Parameter | Type and default | |\n| --- | --- | --- |\n' + '\n'.join(lines)

def modules(chaps):
    by = {c.module: c for c in chaps if c.module}
    found = [Module(p, by.get(p.stem)) for p in (root/'picnet_nb').glob('[!_]*.py')]
    return sorted((m for m in found if m.all), key=lambda m: (m.chapter.stem if m.chapter else 'z', m.name))

def api_index(mods):
    rows = '\n'.join(f'| [picnet&#95;nb.{m.name}]({m.name}.md) | {cell(prose(m.doc))} | {len(m.all)} |' for m in mods)
    return f'# API\n\n> Every public name, its parameters and its source.\n\n| Module | | Names |\n| --- | --- | --- |\n{rows}\n\n' \
           'Pictures are tensors `(B, 3, H, W)` in [-1, 1], holes are `(B, 1, H, W)`, true, 1 or white where to fill. Every function with chance takes a seed or a generator.'

def from_top(name):
    "A markdown file of the top level as a page: its relative links are GitHub's."
    fix = lambda m: m[0] if re.match(r'[a-z][a-z+.-]*:|#', m['to'], re.I) else m['pre'] + github + m['to']
    return link.sub(fix, (root/name).read_text(encoding='utf-8'))

# --- what mkdocs calls
def on_config(config):
    chaps = chapters()
    config.site_url = cfg['doc_host'] + base
    config.site_description, config.copyright = cfg['description'], f'© {cfg["copyright"]}. Apache 2.0.'
    config.extra['social'] = [dict(icon='fontawesome/brands/github', link=cfg['git_url'], name='Source on GitHub')]
    config.nav = [{'Home': 'index.md'},
        {'Chapters': [{f'{c.number} {c.title}': f'{c.stem}.md'} for c in chaps if c.stem != 'index']},
        {'API': ['api/index.md', *[{m.name: f'api/{m.name}.md'} for m in modules(chaps)]]},
        {'Project': [{n.capitalize(): f'{n}.md'} for n in tops()] + [{'GitHub': cfg['git_url']}]}]
    return config

def tops(): return [n for n in ('changelog', 'contributing', 'security') if (root/f'{n.upper()}.md').exists()]

def on_files(files, config):
    from mkdocs.structure.files import File, Files
    kept = Files([f for f in files if f.src_dir != config.docs_dir or f.src_uri.startswith('images/')])   # the theme's, and pictures
    add = lambda name, content: kept.append(File.generated(config, name, content=content))
    chaps = chapters()
    for c in chaps:
        add(f'{c.stem}.md', c.markdown())
        for name, data in c.pictures.items(): add(name, data)
    mods = modules(chaps)
    add('api/index.md', api_index(mods))
    for m in mods: add(f'api/{m.name}.md', m.markdown())
    for n in tops(): add(f'{n}.md', from_top(f'{n.upper()}.md'))
    add('mathjax.js', Path(mathjax()).read_text(encoding='utf-8'))
    for o in ('site.css', 'site.js'): add(o, (root/'.ci'/o).read_text(encoding='utf-8'))
    add('images/icon.svg', icon)
    return kept

icon = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="4" fill="#009688"/><rect x="7" y="7" width="10" height="10" rx="2" fill="#fff"/></svg>'

def on_page_markdown(markdown, page, config, files):
    uri = page.file.src_uri
    page.edit_url = None
    if uri.startswith('api/') and uri != 'api/index.md': page.edit_url = f'{github}picnet_nb/{Path(uri).stem}.py'
    elif (root/'nbs'/f'{Path(uri).stem}.ipynb').exists(): page.edit_url = f'{github}nbs/{Path(uri).stem}.ipynb'
    return markdown

def on_page_content(content, page, config, files):
    content = re.sub(r'<div class="arithmatex">(.*?)</div>', r'<div class="arithmatex formula">\1</div>', content, flags=re.S)
    return re.sub(r'<table>(.*?)</table>', r'<div class="wide"><table>\1</table></div>', content, flags=re.S)

def mathjax():
    "MathJax in one file, which needs no fonts; the package is named for Django but is only a folder of files."
    try: return next(p.locate() for p in files('django-static-mathjax') if p.as_posix().endswith('es5/tex-svg.js'))
    except (PackageNotFoundError, StopIteration): raise SystemExit("the formulas need MathJax: pip install -e '.[docs]'") from None

# --- links
class Page(HTMLParser):
    "The ids of a page, and what it links to and loads."
    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads = set(), [], []
        self.feed(path.read_text(encoding='utf-8'))
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        for k in ('id', 'name'):
            if a.get(k): self.ids.add(a[k])
        if tag in ('a', 'area') and a.get('href'): self.links.append(a['href'])
        if tag == 'link' and a.get('href') and a.get('rel') not in ('canonical',): self.loads.append(a['href'])
        if tag in ('img', 'script', 'iframe', 'source', 'video', 'audio') and a.get('src'): self.loads.append(a['src'])

def check():
    "Every local link and anchor leads somewhere, and nothing is loaded from another machine."
    pages = {p: Page(p) for p in site.rglob('*.html')}
    faults, n = [], 0
    for p, page in pages.items():
        for to, loaded in [(o, False) for o in page.links] + [(o, True) for o in page.loads]:
            u = urlsplit(to)
            if u.scheme == 'data': continue
            if u.scheme or u.netloc:
                if loaded: faults.append(f'{p.relative_to(site)} loads {to} from another machine')
                continue
            n += 1
            path = unquote(u.path)
            if path.startswith('/'):
                if not path.startswith(base): faults.append(f'{p.relative_to(site)}: {to} is outside of the site'); continue
                target = site/path[len(base):]
            else: target = (p.parent/path) if path else p
            target = target.resolve()
            if target.is_dir(): target = target/'index.html'
            if not target.is_file(): faults.append(f'{p.relative_to(site)}: {to} leads nowhere'); continue
            tag = unquote(u.fragment)
            if tag and target in pages and tag not in pages[target].ids: faults.append(f'{p.relative_to(site)}: {to}: no such place on that page')
    size = sum(f.stat().st_size for f in site.rglob('*') if f.is_file())
    print(f'- {len(pages)} pages, {size/1e6:.1f} MB, {n} local links and files')
    if len(pages) < 10: faults.append(f'only {len(pages)} pages in {site.name}/')
    print('\n'.join(faults))
    return 1 if faults else 0

def main(args):
    if args == ['--check']: return check()
    from mkdocs.commands import build, serve
    from mkdocs.config import load_config
    if args == ['--serve']: return serve.serve(str(root/'mkdocs.yml'), watch=[str(root/'picnet_nb'), str(root/'.ci')])
    start = time.time()
    config = load_config(str(root/'mkdocs.yml'), strict=True)
    config.plugins.on_startup(command='build', dirty=False)
    build.build(config)
    print(f'- built in {time.time() - start:.1f} s')
    return check()

if __name__ == '__main__':
    if sys.argv[1:] not in ([], ['--check'], ['--serve']): sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
