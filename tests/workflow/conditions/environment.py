"""What the caller's environment may hold: it neither kills nor changes a job."""

from conditions.harness import FIGURE, MODEL, Box, Condition


def hold_foreign_modules(box: Box) -> None:
    """Packages of our names, and of a library's, in a folder that the caller's Python looks in."""
    for name in ("workflow", "latent_transport"):
        package = box.clone.parent / "modules" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise RuntimeError('of the caller')\n")
    box.variables["PYTHONPATH"] = str(box.clone.parent / "modules")


def hold_own_style(box: Box) -> None:
    """A matplotlibrc in the working directory and one in the user's folder of settings."""
    style = "font.size: 30\nsavefig.bbox: tight\nsavefig.facecolor: red\npdf.compression: 0\n"
    own = box.clone.parent / "config"
    own.mkdir()
    for place in (own, box.place):
        (place / "matplotlibrc").write_text(style)
    box.variables["MPLCONFIGDIR"] = str(own)


def lose_temporary_folder(box: Box) -> None:
    box.variables["TMPDIR"] = str(box.clone / "nowhere")


def start_bash_by_a_script(box: Box) -> None:
    """What bash reads before each command: functions, as clusters have them, and a word."""
    script = box.clone.parent / "profile.sh"
    script.write_text("module() { echo module; }\nexport -f module\necho welcome >&2\n")
    box.variables["BASH_ENV"] = str(script)


def mask(box: Box) -> None:
    """Files that only their owner may read."""
    box.wrapper = ["bash", "-c", 'umask 077; exec "$@"', "bash"]


def use_profile(box: Box) -> None:
    """Snakemake keeps a cache in the home folder, without make or a profile."""
    box.options += ["--workflow-profile", "workflow/profiles/default"]


UNCACHED = dict.fromkeys(("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"))
BLAS = ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR")

ENVIRONMENT = [
    Condition(
        "git: another repository",
        variables={"GIT_DIR": "/nowhere", "GIT_WORK_TREE": "/", "GIT_INDEX_FILE": "/nowhere"},
    ),
    Condition(
        "matplotlib: a notebook's backend, settings that are gone",
        FIGURE,
        variables={"MPLBACKEND": "module://no_such_backend", "MATPLOTLIBRC": "/nowhere"},
    ),
    Condition(
        "matplotlib: settings of one's own, another date",
        FIGURE,
        hold_own_style,
        {"SOURCE_DATE_EPOCH": "1", "TZ": "Asia/Kathmandu"},
    ),
    Condition(
        "Python: optimised, safe path, warnings are errors",
        variables={
            "PYTHONOPTIMIZE": "2",
            "PYTHONSAFEPATH": "1",
            "PYTHONSTARTUP": "/nowhere",
            "PYTHONWARNINGS": "error",
            "PYTHONHASHSEED": "7",
        },
    ),
    Condition("Python: modules of our names elsewhere", prepare=hold_foreign_modules),
    Condition(
        "locale: C, and ASCII",
        FIGURE,
        variables={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
    ),
    Condition(
        "BLAS: two threads",
        MODEL,
        variables={f"{name}_NUM_THREADS": "2" for name in BLAS},
    ),
    Condition("locale: one that is not installed", variables={"LC_ALL": "tr_TR.ISO-8859-9"}),
    Condition("temporary folder: not there", MODEL, lose_temporary_folder),
    Condition("home: not writable", FIGURE, use_profile, {"HOME": "/dev/null", **UNCACHED}),
    Condition(
        "home: unset, and no user", variables=dict.fromkeys(("HOME", "USER", "LOGNAME")) | UNCACHED
    ),
    Condition("path: without this Python", variables={"PATH": "/usr/bin:/bin"}),
    Condition(
        "shell: another at login, a script before each command, no terminal",
        prepare=start_bash_by_a_script,
        variables={"SHELL": "/bin/false", "CDPATH": "/", "TERM": None, "COLUMNS": "1"},
    ),
    Condition("files: for their owner alone", prepare=mask),
]
