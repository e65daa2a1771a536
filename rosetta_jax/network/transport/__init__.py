"""Transport between regions: what arrives, with delays, in as many formulations as problems have shapes."""

from rosetta_jax.network.transport.formulation import DELAYS as DELAYS
from rosetta_jax.network.transport.formulation import FORMULATIONS as FORMULATIONS
from rosetta_jax.network.transport.formulation import Formulation as Formulation
from rosetta_jax.network.transport.formulation import formulate as formulate
from rosetta_jax.network.transport.formulation import history_rows as history_rows
from rosetta_jax.network.transport.reads import Sent as Sent
from rosetta_jax.network.transport.transport import Transport as Transport
from rosetta_jax.network.transport.transport import transport as transport
