"""Every test runs in float64 with strict promotion: silent broadcasting is the commonest wrong network."""

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
