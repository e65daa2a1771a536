r"""Posteriors as they are, by Hamiltonian Monte Carlo: no normal shape is assumed.

In plain coordinates every prior is a standard normal of u, and a loss that is a deviance D makes

.. math::  -\ln p(u \mid \text{data}) = U(u) = \tfrac12 D(u) + \tfrac12 u^T u + \text{const}

the potential of a particle, whose trajectories propose far points that are accepted at their weight; with a
dispersion $D/\varphi$ takes the place of D (`rosetta_jax.inference.dispersion`). Outside of the stable region
there is no prediction: U is infinite there, which refuses every step across. The no-U-turn sampler (NUTS) chooses
how far to go; it is that of numpyro, an extra.

Source: Hoffman and Gelman, J. Mach. Learn. Res. 15, 1593, 2014.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg  # noqa: F401  (the LAPACK that jax calls, loaded before it is limited)
from threadpoolctl import threadpool_limits

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int, PRNGKeyArray, PyTree, Scalar
from rosetta_jax.inference.dispersion import AUTO, checked_dispersion
from rosetta_jax.inference.draws import R_HAT, Draws, values_of
from rosetta_jax.inference.fit import FitResult
from rosetta_jax.inference.inference_data import told
from rosetta_jax.inference.laplace import Posterior, laplace
from rosetta_jax.inference.losses import Loss
from rosetta_jax.inference.problem import Problem, problem
from rosetta_jax.inference.route import Model, Route
from rosetta_jax.optimise import Objective
from rosetta_jax.priors import FreeParameter
from rosetta_jax.results import Status, first_failure, progress, provenance, status_where

# Starts are tried ever nearer to the middle until one is stable; blocks of draws are what a bar shows.
_TRIES, _BLOCKS = 12, 20
# Fewer draws of a chain do not tell whether chains have met.
_FEWEST = 4


def nuts(
    model: Model | Sequence[Model],
    free: Mapping[str, FreeParameter],
    loss: Loss | Sequence[Loss],
    *,
    start: FitResult | Posterior | None = None,
    draws: int = 500,
    warmup: int = 300,
    chains: int = 4,
    key: PRNGKeyArray | None = None,
    route: Route | None = None,
    pooled: bool = False,
    acceptance: float = 0.8,
    deepest: int = 8,
    derivative: str = "reverse",
    dispersion: float | int | str = "auto",
    show_progress: bool = True,
) -> Draws:
    r"""Draw from the posterior of the `free` parameters of a model, or of one a person.

    `model`, `free`, `loss`, `route` and `pooled` as in `rj.fit`, with a prior on every parameter; `loss` must be a
    deviance: `rj.inference.WhittleLoss`, `FisherLoss` or a sum of such. With a `start`, what `rj.fit` found or
    `rj.inference.laplace` made of it, chains begin at draws from that normal posterior and move in its metric, and
    `warmup` adapts the length of steps alone; without, they begin at draws from the prior, and the metric is
    adapted, too, which takes more. Trajectories aim at a mean `acceptance` and make at most
    $2^{\mathrm{deepest}}$ steps; `derivative` is "reverse", or "forward", whose memory does not grow with a
    simulation. Deviances are divided by a `dispersion`: "auto" takes that of the `start` (of a fit as
    `rj.inference.laplace` estimates it), and 1, the likelihood as it is, without one. People and chains are lanes
    of one program, on a CPU one after the other.

    Returns `Draws`; a person without a stable start says why in `status`, and one whose chains have not met is
    `not_converged`. Divergences count trajectories that were stopped, most often by the edge of the stable region,
    where the posterior ends. Ctrl-C ends the sampling and keeps all but the last block of draws (a twentieth):
    `metadata["interrupted"]` is True then; in the warm-up there is nothing to keep, and it is raised.

    Raises `ValueError` where a parameter has no prior or `start` holds another number of vectors, and
    `ImportError` without numpyro.
    """
    counts = [_checks.whole("draws", draws, _FEWEST), _checks.whole("warmup", warmup)]
    chains, deepest = _checks.whole("chains", chains), _checks.whole("deepest", deepest)
    _checks.one_of("derivative", derivative, _DERIVATIVES)
    key = jax.random.key(0) if key is None else key
    asked = problem(model, free, loss, key, route, 1.0, pooled)
    _require_priors(asked)
    given = checked_dispersion(dispersion)
    if isinstance(start, FitResult):
        start = laplace(
            model, free, loss, start, route=route, pooled=pooled, dispersion=given or AUTO
        )
    middle = _middle(asked, start)
    divided = _dispersions(asked, start, given)
    # Pooled residuals are a mean over people, where their likelihoods multiply.
    times = len(asked.models) if pooled else 1
    known = _potential(asked.objective, times, asked.parameters.size, derivative)
    lanes = _Lanes(asked, known, (counts[0], counts[1], chains), acceptance, deepest, divided)
    with threadpool_limits(1, user_api="blas"):
        run = lanes.run(jax.random.fold_in(key, 1), middle, show_progress)
    more: dict[str, Any] = {"warmup": warmup, "pooled": pooled, "route": str(asked.route)}
    more |= {"dispersion": divided.tolist(), "interrupted": run.interrupted}
    return _drawn(asked, run, chains, more)


def _require_priors(asked: Problem) -> None:
    parameters, at = asked.parameters, 0
    for (path, kind), count in zip(parameters.free.items(), parameters.counts, strict=True):
        if not parameters.informative[at : at + count].all():
            raise ValueError(
                f"`free[{path!r}]` is {kind}, which has no prior, so that there may be no posterior to draw from: "
                "give one such as rj.LogNormal(1.0, 0.5) or rj.Normal(0.0, 1.0)."
            )
        at += count


class _Middle(eqx.Module):
    """Where the chains of each vector begin: at `mean + root n`, or nearer to `centre` until it is stable."""

    mean: Float[Array, "vectors size"]
    root: Float[Array, "vectors size size"]
    centre: Float[Array, "vectors size"]
    metric: Float[Array, "vectors size size"] | None


def _dispersions(
    asked: Problem, start: Posterior | None, given: float | None
) -> Float[np.ndarray, " vectors"]:
    """What the deviance of each vector is divided by."""
    if given is not None or start is None:
        return np.full(asked.vectors, given or 1.0)
    return np.where(np.isfinite(start.dispersion), start.dispersion, 1.0)


def _middle(asked: Problem, start: Posterior | None) -> _Middle:
    size, vectors = asked.parameters.size, asked.vectors
    unit = np.broadcast_to(np.eye(size), (vectors, size, size))
    dtype = jnp.result_type(float)
    if start is None:
        present = [asked.parameters.vector(model) for model in asked.models[:vectors]]
        centre = jnp.stack(present).astype(dtype)
        return _Middle(jnp.zeros_like(centre), jnp.asarray(unit, dtype), centre, None)
    _checks.instance("start", start, Posterior, "a FitResult or a Posterior")
    if start.mean.shape != (vectors, size):
        raise ValueError(
            f"`start` holds {len(start.mean)} vectors of {start.mean.shape[1]} numbers, and `model`, `free` and "
            f"`pooled` ask for {vectors} of {size}: give the posterior of the same fit."
        )
    good = np.all(np.isfinite(start.covariance), axis=(1, 2)) & np.all(
        np.isfinite(start.mean), axis=1
    )
    mean = jnp.asarray(np.where(good[:, None], start.mean, 0.0), dtype)
    covariance = np.where(good[:, None, None], start.covariance, unit)
    root = jnp.asarray(np.linalg.cholesky(covariance), dtype)
    return _Middle(mean, root, mean, jnp.asarray(covariance, dtype))


_DERIVATIVES: dict[str, Callable[..., Any]] = {"reverse": jax.grad, "forward": jax.jacfwd}


# The potential, its slope, and whether there is a prediction, of a vector, and of data with their dispersion.
_Known = Callable[[Array, PyTree], tuple[Scalar, Array, Int[Array, ""]]]


def _potential(objective: Objective, times: int, size: int, derivative: str) -> _Known:
    """Half the deviance over its dispersion and half of $u^2$; infinite, of no slope, without a prediction."""

    def inside(vector: Array, data: PyTree) -> tuple[Scalar, Scalar]:
        data, dispersion = data
        # The objective ends with the prior's own residuals, of weight 1.
        residual = objective.residuals(vector, data)[:-size]
        value = (times * (residual @ residual) / dispersion + vector @ vector) / 2
        return value, value

    def known(vector: Array, data: PyTree) -> tuple[Scalar, Array, Int[Array, ""]]:
        status = objective.status(vector, data[0]).astype(jnp.int32)

        def found() -> tuple[Scalar, Array]:
            slope, value = _DERIVATIVES[derivative](inside, has_aux=True)(vector, data)
            return value, slope

        def outside() -> tuple[Scalar, Array]:
            return jnp.full((), jnp.inf, vector.dtype), jnp.zeros_like(vector)

        value, slope = jax.lax.cond(status == Status.ok, found, outside)
        fine = jnp.isfinite(value) & jnp.all(jnp.isfinite(slope))
        status = first_failure(status, status_where(~fine, Status.non_finite))
        return jnp.where(fine, value, jnp.inf), jnp.where(fine, slope, 0.0), status

    return known


def _with_slope(known: _Known) -> Callable[[Array, PyTree], Scalar]:
    """The potential, whose derivative is the guarded slope that was made with it."""

    @jax.custom_vjp
    def potential(vector: Array, data: PyTree) -> Scalar:
        return known(vector, data)[0]

    def forward(vector: Array, data: PyTree) -> tuple[Scalar, Array]:
        value, slope, _ = known(vector, data)
        return value, slope

    def backward(slope: Array, weight: Array) -> tuple[Array, None]:
        return weight * slope, None

    potential.defvjp(forward, backward)
    return potential


class _Run(eqx.Module):
    """What lanes drew, (lanes, draws, ...), the status of their starts, and whether Ctrl-C ended it."""

    vectors: np.ndarray
    potential: np.ndarray
    diverging: np.ndarray
    acceptance: np.ndarray
    steps: np.ndarray
    status: np.ndarray
    seconds_compile: float
    seconds: float
    interrupted: bool


class _Lanes:
    """The programs of sampling: begin every chain, and move all of them a block of draws on."""

    def __init__(
        self,
        asked: Problem,
        known: _Known,
        counts: tuple[int, int, int],
        acceptance: float,
        deepest: int,
        dispersion: Float[np.ndarray, " vectors"],
    ):
        self._data = asked.data, jnp.asarray(dispersion, jnp.result_type(float))
        self._asked, self._known, self._potential = asked, known, _with_slope(known)
        self._draws, self._warmup, self._chains = counts
        self._block = -(-(self._draws + self._warmup) // _BLOCKS)
        self._settings = {
            "num_warmup": self._warmup,
            "target_accept_prob": acceptance,
            "max_tree_depth": deepest,
            "dense_mass": True,
        }
        self._which = jnp.repeat(jnp.arange(asked.vectors, dtype=jnp.int32), self._chains)
        # On a CPU chains run one after the other, and a short trajectory need not wait for a long one.
        on_cpu = jax.default_backend() == "cpu"
        self._together = None if on_cpu else self._which.size
        self._initialise, self._sample = _kernels(self._potential_of)

    def run(self, key: PRNGKeyArray, middle: _Middle, show_progress: bool) -> _Run:
        """All draws of all lanes, those of the warm-up left out, or what there is where Ctrl-C ends it."""
        data = self._data
        keys = jax.random.split(key, self._which.size)
        began = time.perf_counter()
        # What the sampler does within mixes its own precisions and ranks.
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            states, alive, status = jax.jit(self._begun)(keys, middle, data)
            advance = jax.jit(self._advanced).lower(states, alive, data).compile()
        compiled = time.perf_counter()
        blocks, interrupted = self._blocks(
            lambda states: advance(states, alive, data), states, show_progress
        )
        drawn = [
            np.concatenate(parts, axis=1)[:, self._warmup : self._warmup + self._draws]
            for parts in zip(*blocks, strict=True)
        ]
        seconds = {"seconds_compile": compiled - began, "seconds": time.perf_counter() - compiled}
        return _Run(*drawn, status=np.asarray(status), interrupted=interrupted, **seconds)

    def _blocks(
        self, advance: Callable[[Any], Any], states: Any, show_progress: bool
    ) -> tuple[list[tuple[np.ndarray, ...]], bool]:
        """Draws in blocks, and whether Ctrl-C cut them short: raised where there are too few to be read."""
        blocks, total = [], self._draws + self._warmup
        with progress(show_progress) as bar:
            task = bar.add_task("draws", total=total, note="")
            try:
                for first in range(0, total, self._block):
                    states, found = jax.block_until_ready(advance(states))
                    blocks.append(jax.tree.map(np.asarray, found))
                    done = min(first + self._block, total)
                    note = "warm-up" if done < self._warmup else ""
                    bar.update(task, completed=done, note=note)
            except KeyboardInterrupt:
                if len(blocks) * self._block < self._warmup + _FEWEST:
                    raise
                return blocks, True
        return blocks, False

    def _potential_of(self, data: PyTree, alive: Array) -> Callable[[Array], Scalar]:
        # A chain without a stable start draws from the prior, which costs nothing, and is left out.
        return lambda vector: jax.lax.cond(
            alive, lambda: self._potential(vector, data), lambda: vector @ vector / 2
        )

    def _begun(self, keys: Array, middle: _Middle, data: PyTree) -> tuple[Any, Array, Array]:
        def one(part: tuple[Array, Array]) -> tuple[Any, Array, Array]:
            (key, which), own = part, _pick(data, part[1])
            draw, run = jax.random.split(key)
            of = jax.tree.map(lambda leaf: leaf[which], middle)
            vector, value, slope, status = self._start(draw, of, own)
            alive = status == Status.ok
            metric = {} if of.metric is None else {"inverse_mass_matrix": of.metric}
            state = self._initialise(
                (vector, value, slope),
                adapt_mass_matrix=of.metric is None,
                model_args=(own, alive),
                rng_key=run,
                **metric,
                **self._settings,
            )
            return state, alive, status

        return jax.lax.map(one, (keys, self._which))

    def _start(self, key: PRNGKeyArray, of: _Middle, data: PyTree) -> tuple[Array, ...]:
        """A first point with a prediction, or the last that was tried: with potential, slope and status."""

        def attempt(number: Array) -> tuple[Array, ...]:
            normal = jax.random.normal(jax.random.fold_in(key, number), of.mean.shape)
            nearer = number.astype(of.mean.dtype) / (_TRIES - 1)
            far = of.mean + of.root @ normal.astype(of.mean.dtype)
            vector = far + nearer * (of.centre - far)
            return vector, *self._known(vector, data)

        def again(carry: tuple[Array, tuple[Array, ...]]) -> Array:
            return (carry[1][-1] != Status.ok) & (carry[0] < _TRIES)

        unseen = jax.tree.map(
            lambda leaf: jnp.ones(leaf.shape, leaf.dtype), jax.eval_shape(attempt, jnp.int32(0))
        )
        return jax.lax.while_loop(
            again, lambda carry: (carry[0] + 1, attempt(carry[0])), (jnp.int32(0), unseen)
        )[1]

    def _advanced(self, states: Any, alive: Array, data: PyTree) -> tuple[Any, tuple[Array, ...]]:
        def one(part: tuple[Any, Array, Array]) -> tuple[Any, tuple[Array, ...]]:
            state, alive, which = part
            arguments = (_pick(data, which), alive)

            def draw(state: Any, _: None) -> tuple[Any, tuple[Array, ...]]:
                state = self._sample(state, arguments)
                seen = (state.z, state.potential_energy, state.diverging, state.accept_prob)
                return state, (*seen, state.num_steps)

            return jax.lax.scan(draw, state, None, length=self._block)

        parts = (states, alive, self._which)
        return jax.lax.map(one, parts, batch_size=self._together)


def _pick(data: PyTree, which: Int[Array, ""]) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[which], data)


def _kernels(potential_of: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """How numpyro begins a chain and draws once."""
    try:
        from numpyro.infer.hmc import hmc
        from numpyro.infer.util import ParamInfo
    except ModuleNotFoundError as error:
        raise ImportError(
            'rj.inference.nuts needs numpyro, which is not installed: pip install "rosetta-jax[bayes]"'
        ) from error
    initialise, sample = hmc(potential_fn_gen=potential_of, algo="NUTS")
    return lambda point, **settings: initialise(ParamInfo(*point), **settings), sample


def _drawn(asked: Problem, run: _Run, chains: int, more: dict[str, Any]) -> Draws:
    """Draws by vector and chain, with their diagnostics and status."""
    from numpyro.diagnostics import effective_sample_size, split_gelman_rubin

    def shaped(values: np.ndarray) -> np.ndarray:
        return values.reshape(asked.vectors, chains, *values.shape[1:])

    start = shaped(run.status)
    # The first chain without a start says why, and one such spoils the person.
    failed = start != Status.ok
    reason = start[np.arange(asked.vectors), failed.argmax(axis=1)]
    lost = failed.any(axis=1)
    vectors = np.where(lost[:, None, None, None], np.nan, shaped(run.vectors))
    with np.errstate(invalid="ignore", divide="ignore"):
        # Chains and draws lead there.
        ordered = np.moveaxis(vectors, 0, 2)
        r_hat, effective = (
            np.asarray(found(ordered), float)
            for found in (split_gelman_rubin, effective_sample_size)
        )
    apart = ~(r_hat <= R_HAT).all(axis=1)
    status = np.where(lost, reason, np.where(apart, Status.not_converged, Status.ok))
    seconds = {"seconds_compile": run.seconds_compile, "seconds_sampling": run.seconds}
    return Draws(
        vectors=vectors,
        values=values_of(asked, vectors),
        log_density=np.where(lost[:, None, None], np.nan, -shaped(run.potential)),
        diverging=shaped(run.diverging),
        acceptance=shaped(run.acceptance),
        steps=shaped(run.steps),
        r_hat=r_hat,
        effective=effective,
        status=status.astype(np.int32),
        names=asked.parameters.coordinate_names,
        metadata=provenance(**told(asked), **seconds, **more),
        asked=asked,
    )
