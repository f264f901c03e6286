import json
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1]
# This repository's library, whether or not one is installed.
sys.path.insert(0, str(ROOT / "src"))

from latent_transport.datasets.catalogue import FILES, TITLES
from latent_transport.datasets.folders import find_data
from latent_transport.evidence.keys import (
    CONV,
    FAMILIES,
    FREE_BITS,
    NARROW,
    OURS,
    PLAIN,
    REPLICATES,
    SEQUENCES,
    name_member,
)
from latent_transport.evidence.peers.catalogue import PEERS
from latent_transport.evidence.vocabulary import PARTS
from latent_transport.models.catalogue import GEOMETRIES
from workflow.configuration import find_errors, find_reference_errors, read_schema
from workflow.outcome import describe_outcome
from workflow.dependencies import ROOT, code_of, files_of, locate, runs_at_root
from workflow.provenance import describe_source


def doubled(text):
    """Text with its braces doubled: Snakemake fills in what stands between single ones."""
    return text.replace("{", "{{").replace("}", "}}")


ENVIRONMENT = doubled(str(ROOT / "environment.yml"))


def stop_on(errors):
    """Stop with the lines about the config, if there are any."""
    if errors:
        raise WorkflowError("\n".join(errors))


stop_on(find_errors(config, read_schema()))
if config["data"]["folder"] is not None:
    config["data"]["folder"] = str(Path(config["data"]["folder"]).expanduser())

# Snakemake takes what stands between braces for wildcards; paths from the root have none.
if not runs_at_root() and set(str(ROOT)) & set("{}"):
    stop_on([f"{ROOT} has braces in its name: run from there, without --directory, or rename it"])
# Jobs find the code by PYTHONPATH, where a colon ends the name of a folder.
if ":" in str(ROOT):
    stop_on([f"{ROOT} has a colon in its name, at which PYTHONPATH is split: rename the folder"])

DIGIT_MODELS = [f"digit{digit}" for digit in sorted(config["digits"])]
MODELS = DIGIT_MODELS + ["all"] * config["all_digits"]

FORMATS = ("pdf", "png")
# The paper's own, which a run makes before all else.
FIRST_NAMES = ["figure1", "figure2"] + ["figure3", "figure4"] * config["all_digits"]
NAMES = [*FIRST_NAMES, "indicatrices", "training"]
NAMES += ["figure3_extended", "figure4_extended"] * config["all_digits"]
EVIDENCE_PARTS = [
    part
    for part in config["evidence"]["parts"]
    if config["all_digits"] or not PARTS[part].of_all_digits
]
NAMES += [part for part in EVIDENCE_PARTS if PARTS[part].drawn]
NAMES += ["mechanism"] * ({"containment", "plausibility"} <= set(EVIDENCE_PARTS))
# Parts whose rules there are: those asked for, and those that others are measured by.
RULED_PARTS = list(
    dict.fromkeys(name for part in EVIDENCE_PARTS for name in (*PARTS[part].measured_by, part))
)

FIGURES = expand("<results>/figures/{name}.{format}", name=NAMES, format=FORMATS)
PUBLISHED = expand("<paper>/figures/{name}.{format}", name=NAMES, format=FORMATS)


SURFACE = f"digit{config['figures']['surface_digit']}"


# What decides on results: all but where they go.
SETTINGS = {key: value for key, value in config.items() if key != "pathvars"}

# Jobs inherit it, and on a cluster each reads this file again.
os.environ.update(describe_source(ROOT, SETTINGS))

# What the caller's environment may hold, and would change or kill a job: a notebook's backend of
# matplotlib, warnings that raise, a folder of modules that is left out, another repository.
FOREIGN = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "MATPLOTLIBRC", "MPLBACKEND"),
    *("PYTHONOPTIMIZE", "PYTHONSAFEPATH", "PYTHONSTARTUP", "PYTHONWARNINGS"),
)
# Jobs find the library and the scripts in this repository. Unless Snakemake deploys their software,
# they run the Python that runs Snakemake, whether or not its environment is activated.
exports = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
if not workflow.deployment_settings.deployment_method:
    exports["PATH"] = str(Path(sys.executable).parent)
shell.prefix(
    f"set -euo pipefail; unset {' '.join(FOREIGN)}; "
    + "".join(
        doubled(f'export {name}={shlex.quote(path)}"${{{name}:+:${name}}}"; ')
        for name, path in exports.items()
    )
)


# A job that Slurm gave no GPU, as a profile's limit of 0 makes it. A job reads this file without that
# limit, and would ask Slurm for a GPU that it has not, which Slurm refuses.
WITHOUT_GPU = workflow.remote_exec and "SLURM_JOB_GPUS" not in os.environ
# A job that computes on torch asks for a GPU, unless the config keeps it on the CPU. Without a limit
# on the resource gpu, such as a profile sets, nothing comes of it.
GPU = int(config["device"] != "cpu" and not WITHOUT_GPU)


def growing(amount):
    """Memory in MB or time in minutes that a job asks for: as much again at each retry."""
    return lambda wildcards, attempt: amount * attempt


wildcard_constraints:
    model=rf"(digit\d+|all|{'|'.join(REPLICATES)})(-seed\d+)?",
    classifier=r"classifier(-seed\d+)?",
    geometry="|".join(GEOMETRIES),
    sequence="|".join(SEQUENCES),


scattergather:
    chunk=config["geodesics"]["chunks"],


def kind_of(wildcards):
    """Section of the config for a model: that of all digits, or that of a single one."""
    return "digit" if wildcards.model.startswith("digit") else "all"


def base_of(wildcards):
    """Name of a model without the seed that it is trained again from."""
    return wildcards.model.partition("-seed")[0]


REPLICATED = config["evidence"]["replicates"]


def is_replicate(wildcards):
    """Whether a model is one of those that show whether results hold for others, too."""
    return base_of(wildcards) in REPLICATES


def architecture_of(wildcards):
    """Shape of a model: as its section says, but for what makes a replicate another one."""
    changes = {
        NARROW: REPLICATED[NARROW],
        CONV: {"kind": "conv", "hidden": REPLICATED[CONV]["hidden"]},
    }
    architecture = config["models"][kind_of(wildcards)]["architecture"]
    return json.dumps(architecture | changes.get(base_of(wildcards), {}))


def schedule_of(wildcards):
    """How a model is trained: replicates for a shorter time than the model of all digits."""
    section = REPLICATED if is_replicate(wildcards) else config["models"][kind_of(wildcards)]
    return json.dumps(section["schedule"])


def free_bits_of(wildcards):
    """Nats of each latent dimension that a model's training does not charge for."""
    return REPLICATED["free_bits"]["nats"] if base_of(wildcards) == FREE_BITS else 0


def options_of_digits(wildcards):
    """Labels that a model sees, as an option: the model's own, or, without it, all."""
    return (
        [] if kind_of(wildcards) == "all" else ["--digits", wildcards.model.removeprefix("digit")]
    )


def own_data(wildcards):
    """Files of one's own data, whose edit makes everything anew."""
    if config["data"]["source"] != "folder":
        return []
    return sorted(map(str, find_data(config["data"]["folder"]).values()))


def subset_of(wildcards):
    """Images that a model sees, whatever the seed of its training."""
    name = "all" if kind_of(wildcards) == "all" else base_of(wildcards)
    return f"<results>/data/{name}.safetensors"


def seed_of_name(name):
    """Seed of a training: the config's, and what the name adds."""
    return config["seed"] + int(name.partition("-seed")[2] or 0)


def seed_of(wildcards):
    """Seed of a model's training."""
    return seed_of_name(wildcards.model)


def pairs_of(wildcards):
    """Numbers of the pairs of a model's geodesics."""
    if is_replicate(wildcards):
        return REPLICATED["pairs"]
    return config["geodesics"]["pairs"][kind_of(wildcards)]


def seed_of_pairs(wildcards):
    """Seed of the pairs: each replicate has its own, which are then independent given the model."""
    if is_replicate(wildcards):
        return seed_of(wildcards) + 1000 * (1 + REPLICATES.index(base_of(wildcards)))
    return config["seed"]


# Judges of trainings of their own: the strengths of weights are chosen by others.
SECOND_MODEL, SECOND_CLASSIFIER = f"{PLAIN}-seed1", "classifier-seed1"


def judge_of(wildcards):
    """A model of another training, by which the likelihood is judged."""
    if is_replicate(wildcards):
        number = int(wildcards.model.partition("-seed")[2])
        return f"{base_of(wildcards)}-seed{number % REPLICATED['seeds'] + 1}"
    return SECOND_MODEL


# Priority of what Figures 1 to 4 and their tables need.
FIRST = 10


def urgency_of(wildcards):
    """What Figures 1 to 4 need goes first; there, the largest model, lest it run alone in the end."""
    retrained = "-seed" in wildcards.model
    of_figures = not retrained and wildcards.get("geometry", OURS) == OURS
    return FIRST * of_figures + int(kind_of(wildcards) == "all")


def figure(name):
    """Both formats of a figure; the vector one stands in the report."""
    vector = report(
        f"<results>/figures/{name}.pdf",
        caption=f"../report/{name}.rst",
        category="Figures",
        labels={"figure": name},
    )
    return [vector, f"<results>/figures/{name}.png"]


def listed(files):
    """Files of an input as a list, be they one or several."""
    return [files] if isinstance(files, str) else list(files)


def options_of_files(wildcards, input):
    """Named inputs as options of a script that have the same names; the code is none."""
    return [
        part
        for name, files in input.items()
        if name != "code"
        for part in (f"--{name}", *listed(files))
    ]


def files_of_geometry(wildcards):
    """What a geometry needs beyond the model and its codes: options of scripts, and files."""
    folder = f"<results>/models/{wildcards.model}"
    needs = GEOMETRIES[wildcards.geometry].needs
    further = ("uncertainty", "ensemble")
    files = {need: f"{folder}/{need}.safetensors" for need in needs if need in further}
    if "strength" in needs and kind_of(wildcards) == "all":
        files["strength"] = f"{folder}/strength/{wildcards.geometry}.json"
    return files


def options_of_geometry(wildcards, input):
    """Those files as options, and what the config says; of weights only those of latent planes."""
    recipe = GEOMETRIES[wildcards.geometry]
    options = [part for name in files_of_geometry(wildcards) for part in (f"--{name}", input[name])]
    if recipe.weighted and kind_of(wildcards) == "digit":
        options += ["--strength", config["evidence"]["strength"]["planes"]]
    if recipe.regularised:
        options += ["--regularisation", config["evidence"]["regularisation"]]
    if recipe.decoder == "blurred":
        options += ["--blur", config["evidence"]["blur"]]
    return options


SOLVER_SETTINGS = {
    key: config["geodesics"][key]
    for key in ("solver", "controls", "points", "max_iterations", "tolerance")
}


def settings_of_geometry(wildcards):
    """How a geometry's geodesics are solved: as all others, or as published."""
    if GEOMETRIES[wildcards.geometry].published:
        return json.dumps(SOLVER_SETTINGS | config["evidence"]["published"])
    return json.dumps(SOLVER_SETTINGS)


def compared_in(wildcards):
    """Geometries whose paths are compared in a model."""
    if is_replicate(wildcards):
        return REPLICATED["geometries"]
    return config["evidence"]["geometries"][kind_of(wildcards)]


def first_pairs(wildcards, *geometries):
    """Option of how many pairs of each kind are taken, where one of the geometries takes few."""
    kind, few = kind_of(wildcards), config["evidence"]["few"]
    return ["--first", few["pairs"][kind]] * (not set(few[kind]).isdisjoint(geometries))


def few_pairs(wildcards):
    """Pairs of each kind of the geometries that take few, as JSON."""
    kind, few = kind_of(wildcards), config["evidence"]["few"]
    return json.dumps(dict.fromkeys(few[kind], few["pairs"][kind]))


def curves_of(wildcards):
    """Curves of every geometry that is compared in a model."""
    return expand(
        rules.gather_geodesics.output.curves,
        model=wildcards.model,
        geometry=compared_in(wildcards),
    )


def summary(part):
    """Table of a part of the evidence."""
    return report(
        f"<results>/tables/{part}.csv",
        caption=f"../report/{part}.rst",
        category="Tables",
        labels={"table": part},
    )
