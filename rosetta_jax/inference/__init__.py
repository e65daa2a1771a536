"""Fitting models to measured spectra and connectivity by descent, and judging the fits."""

from rosetta_jax.inference.at_sensors import AtSensors as AtSensors
from rosetta_jax.inference.bold_presets import BOLD_PRESETS as BOLD_PRESETS
from rosetta_jax.inference.bold_presets import bold_preset as bold_preset
from rosetta_jax.inference.calibration import Calibration as Calibration
from rosetta_jax.inference.calibration import (
    simulation_based_calibration as simulation_based_calibration,
)
from rosetta_jax.inference.cohort import Cohort as Cohort
from rosetta_jax.inference.cohort import cohort as cohort
from rosetta_jax.inference.compare import Candidate as Candidate
from rosetta_jax.inference.compare import Comparison as Comparison
from rosetta_jax.inference.compare import compare as compare
from rosetta_jax.inference.connectivity_study import ConnectivitySettings as ConnectivitySettings
from rosetta_jax.inference.connectivity_study import ConnectivityStudy as ConnectivityStudy
from rosetta_jax.inference.connectivity_study import Matched as Matched
from rosetta_jax.inference.connectivity_study import connectivity_study as connectivity_study
from rosetta_jax.inference.connectivity_study import pair_correlation as pair_correlation
from rosetta_jax.inference.curves import Curve as Curve
from rosetta_jax.inference.curves import PowerLaw as PowerLaw
from rosetta_jax.inference.curves import PowerLawAndGaussian as PowerLawAndGaussian
from rosetta_jax.inference.curves import TwoLorentzians as TwoLorentzians
from rosetta_jax.inference.draws import Draws as Draws
from rosetta_jax.inference.dynamics_loss import DynamicsLoss as DynamicsLoss
from rosetta_jax.inference.evoked_loss import EvokedLoss as EvokedLoss
from rosetta_jax.inference.evoked_loss import cosine as cosine
from rosetta_jax.inference.fit import FitResult as FitResult
from rosetta_jax.inference.fit import fit as fit
from rosetta_jax.inference.freeing import alike as alike
from rosetta_jax.inference.freeing import coefficients as coefficients
from rosetta_jax.inference.freeing import declared as declared
from rosetta_jax.inference.freeing import default_prior as default_prior
from rosetta_jax.inference.freeing import freed as freed
from rosetta_jax.inference.freeing import in_maps as in_maps
from rosetta_jax.inference.freeing import link_exponent as link_exponent
from rosetta_jax.inference.inference_data import to_arviz as to_arviz
from rosetta_jax.inference.judgement import LEFT_OUT as LEFT_OUT
from rosetta_jax.inference.judgement import Judgement as Judgement
from rosetta_jax.inference.judgement import Scores as Scores
from rosetta_jax.inference.lagged_covariance_loss import (
    LaggedCovarianceLoss as LaggedCovarianceLoss,
)
from rosetta_jax.inference.laplace import Posterior as Posterior
from rosetta_jax.inference.laplace import laplace as laplace
from rosetta_jax.inference.likelihoods import FisherLoss as FisherLoss
from rosetta_jax.inference.likelihoods import WhittleLoss as WhittleLoss
from rosetta_jax.inference.likelihoods import WishartLoss as WishartLoss
from rosetta_jax.inference.likelihoods import degrees_of_freedom as degrees_of_freedom
from rosetta_jax.inference.likelihoods import effective_samples as effective_samples
from rosetta_jax.inference.losses import ConnectivityLoss as ConnectivityLoss
from rosetta_jax.inference.losses import Loss as Loss
from rosetta_jax.inference.losses import SpectrumLoss as SpectrumLoss
from rosetta_jax.inference.losses import SumOfLosses as SumOfLosses
from rosetta_jax.inference.measures import cohort_curve as cohort_curve
from rosetta_jax.inference.measures import correlation_db as correlation_db
from rosetta_jax.inference.measures import map_correlation as map_correlation
from rosetta_jax.inference.measures import paired_difference as paired_difference
from rosetta_jax.inference.measures import relative_power as relative_power
from rosetta_jax.inference.perturbation import Dissection as Dissection
from rosetta_jax.inference.perturbation import Influence as Influence
from rosetta_jax.inference.perturbation import Perturbed as Perturbed
from rosetta_jax.inference.perturbation import dissection as dissection
from rosetta_jax.inference.perturbation import influence as influence
from rosetta_jax.inference.perturbation import perturbed as perturbed
from rosetta_jax.inference.predictive import Predictive as Predictive
from rosetta_jax.inference.predictive import posterior_predictive as posterior_predictive
from rosetta_jax.inference.presets import PRESETS as PRESETS
from rosetta_jax.inference.presets import Preset as Preset
from rosetta_jax.inference.presets import by_region as by_region
from rosetta_jax.inference.presets import drawable as drawable
from rosetta_jax.inference.presets import preset as preset
from rosetta_jax.inference.route import Route as Route
from rosetta_jax.inference.sampling import nuts as nuts
from rosetta_jax.inference.simulated import Simulated as Simulated
from rosetta_jax.inference.sites_loss import SitesLoss as SitesLoss
from rosetta_jax.inference.sites_loss import best_sites as best_sites
from rosetta_jax.inference.split_half import Measured as Measured
from rosetta_jax.inference.split_half import calibrated as calibrated
from rosetta_jax.inference.split_half import split_half as split_half
from rosetta_jax.inference.study import Scored as Scored
from rosetta_jax.inference.study import Study as Study
from rosetta_jax.inference.study import StudySettings as StudySettings
from rosetta_jax.inference.study import study as study
from rosetta_jax.inference.theory import Theory as Theory
