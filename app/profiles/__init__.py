"""Profiles as files: YAML in, the Profile noun out."""

from app.profiles.load import Checked, check_profile, check_profiles, load_profiles

__all__ = ["Checked", "check_profile", "check_profiles", "load_profiles"]
