from .adam import Adam as Adam
from .base import Report as Report
from .base import Solver as Solver
from .gauss_newton import GaussNewton as GaussNewton
from .lbfgs import LBFGS as LBFGS
from .outcomes import Outcome as Outcome
