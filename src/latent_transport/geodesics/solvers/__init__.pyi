from .adam import Adam as Adam
from .base import Report as Report
from .base import Solver as Solver
from .quasi_newton import LBFGS as LBFGS
from .quasi_newton import GaussNewton as GaussNewton
