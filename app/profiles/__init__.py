"""Profiles as files: YAML in, the Profile noun out; and the operator's registries."""

from app.profiles.load import Checked, check_profile, check_profiles, load_profiles
from app.profiles.registries import load_registries

__all__ = ["Checked", "check_profile", "check_profiles", "load_profiles", "load_registries"]
