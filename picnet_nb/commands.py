# %% imports
from __future__ import annotations
import argparse, os, runpy, sys
from dataclasses import fields
from pathlib import Path
import torch
from .callbacks import ProcessLost, Processes, standard_callbacks
from .data import open_images
from .fast import speed_up
from .few import few_pictures
from .hub import load, load_weights
from .masks import MaskFolder, mask_types
from .metrics import evaluate
from .train import Recipe, TrainConfig, Trainer, paper
# %%
presets = {'paper': paper, 'few-pictures': few_pictures}

def read_recipe(
    preset:str, # one of `presets`
    config:str|None, # a Python file with a function `recipe(**options)`, which may change what a preset gives
    options:dict, # fields of `TrainConfig` that were asked for
) -> Recipe:
    "What to train, from a preset or a file."
    if config is None: return presets[preset](**options)
    made = runpy.run_path(config).get('recipe')
    if not callable(made): raise ValueError(f'{config} has no function recipe(**options) that returns a Recipe')
    return made(**options)
# %%
def start_net(
    recipe:Recipe,
    weights:str|None, # a file to start from
):
    "A new network, or one that has learned something already."
    torch.manual_seed(recipe.config.seed)
    if weights is None: return recipe.network(recipe.model)
    net = load_weights(weights, trainable=True)
    if type(net) is not recipe.network: raise ValueError(
        f'{weights} is a {type(net).__name__}, the recipe trains a {recipe.network.__name__}: choose another preset')
    net.config.image_size, net.config.masks = recipe.config.size, recipe.config.masks
    return net
# %%
def train_parser() -> argparse.ArgumentParser:
    "The options of picnet_train: its own, and the fields of `TrainConfig`."
    p = argparse.ArgumentParser('picnet_train', description='Train on a folder of images, or on tar archives. '
                                'The same command goes on after a stop.')
    p.add_argument('images', help='a folder, searched with its subfolders; or tar archives')
    p.add_argument('--preset', choices=presets, default='paper', help='what to train (paper)')
    p.add_argument('--config', help='a Python file with a function recipe(**options), for anything finer than a preset')
    p.add_argument('--minutes', type=float, help='plan the number of steps for so many minutes')
    p.add_argument('--weights', help='start from these weights (.safetensors)')
    p.add_argument('--out', default='runs/picnet', help='where the run lives (runs/picnet)')
    p.add_argument('--memory', type=float, default=8, help='GiB that the images may take in memory (8)')
    p.add_argument('--device', help='cuda, cpu, ... (a GPU if there is one)')
    for f in fields(TrainConfig):
        kind = float if f.name == 'betas' else dict(int=int, float=float).get(f.type, str)
        many = dict(nargs='+') if f.type == 'tuple' else {}
        p.add_argument(f'--{f.name.replace("_", "-")}', type=kind, **many, help=f'{f.name} (the preset\'s)')
    return p
# %%
def train_main(argv:list|None=None) -> int: # the command line, if not the process's; 130 if stopped by Ctrl-C
    "Train from the command line."
    a = vars(train_parser().parse_args(argv))
    options = {f.name: a[f.name] for f in fields(TrainConfig) if a[f.name] is not None}
    try:
        recipe = read_recipe(a['preset'], a['config'], options)
        procs = Processes(a['device'] == 'cpu') if int(os.environ.get('WORLD_SIZE', 1)) > 1 else None
        device = procs.device if procs else a['device']
        data = open_images(a['images'], recipe.config.size, device, a['memory'], recipe.config.seed)
        net = speed_up(start_net(recipe, a['weights']))
        cbs = standard_callbacks(a['out'], a['minutes'], procs)
        trainer = Trainer(net, data, recipe.config, recipe.terms, cbs, recipe.choose, device).fit()
    except (ValueError, OSError, ImportError, FloatingPointError, ProcessLost) as e: sys.exit(f'picnet_train: {e}')
    except KeyboardInterrupt: return 130
    then = 'the same command goes on' if trainer.stop else f'picnet_complete --weights {a["out"]} uses the result'
    if trainer.main: print(f'step {trainer.step} of {trainer.steps}: {then}')
    return 130*trainer.stop
# %%
def evaluate_main(argv:list|None=None): # the command line, if not the process's
    "Measure a model from the command line."
    p = argparse.ArgumentParser('picnet_evaluate', description='Measure the quality and the diversity of completions.')
    p.add_argument('images', help='a folder of images that the model was not trained on; subfolders too')
    p.add_argument('--weights', help='a .safetensors file or a folder of a training run (the bundled weights)')
    p.add_argument('--mask', nargs='+', default=['center', 'rectangles', 'strokes'],
                   help=f'hole types: {", ".join(mask_types)}, or folders of mask files (all three)')
    p.add_argument('--n', type=int, default=8, help='completions of each image and hole (8)')
    p.add_argument('--limit', type=int, help='measure on so many images, spread evenly over the folder (all)')
    p.add_argument('--size', type=int, help="side of the images, pixels, a multiple of 32 (the model's)")
    p.add_argument('--seed', type=int, default=0, help='of holes and codes (0)')
    p.add_argument('--temperature', type=float, default=1., help='0: no variety, 1: the full variety (1)')
    p.add_argument('--features', choices=['lite0', 'lite1', 'lite2', 'inception', 'none'], default='lite0',
                   help='network of KID, FID and IS (lite0); inception is downloaded once')
    p.add_argument('--distance', choices=['lite0', 'lite1', 'lite2', 'lpips', 'none'], default='lite0',
                   help='perceptual distance (lite0); lpips is downloaded once')
    p.add_argument('--train', help='folder of the training images, to look for completions that were learned by heart')
    p.add_argument('--batch', type=int, default=32, help='completions at once (32)')
    p.add_argument('--device', help='such as cpu or cuda (a GPU if there is one)')
    p.add_argument('--out', default='evaluation', help='folder for the results, new or empty (evaluation)')
    a = p.parse_args(argv)
    none = lambda o: None if o == 'none' else o
    out = Path(a.out)
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())): raise ValueError(
            f'{out} is not empty: choose another --out')
        folder = lambda o: MaskFolder(o, flip=False) if o not in mask_types and Path(o).is_dir() else o
        masks = {Path(o).name: folder(o) for o in a.mask}
        net = speed_up(load(a.weights, a.device))
        name = Path(a.weights).name if a.weights else 'bundled weights'
        found = evaluate(net, a.images, masks, a.n, a.size, a.limit, a.seed, a.temperature, none(a.features),
                         none(a.distance), a.train, a.batch, name=name)
    except ImportError as e: p.error(f'{e}; or measure pixels only: --features none --distance none')
    except (ValueError, OSError, RuntimeError) as e: p.error(str(e))
    print(found.markdown())
    print(f'all figures and images: {found.save(out)}')
# %%
if __name__ == '__main__' and '__file__' in globals(): sys.exit(train_main())      # not in the notebook
