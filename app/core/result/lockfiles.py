"""Files of a repository by which package managers install: lockfiles, and manifests that say less; pure."""

from __future__ import annotations

import fnmatch

from app.core.result.paths import folded

# Files that say exactly which packages are installed: a reviewer sees a wall of hashes, and one of them is enough.
LOCKFILES = (
    "bun.lock", "bun.lockb", "Cargo.lock", "Chart.lock", "composer.lock", "conan.lock", "deno.lock", "flake.lock", "Gemfile.lock",
    "gems.locked", "go.sum", "go.work.sum", "gradle.lockfile", "mix.lock", "npm-shrinkwrap.json", "package-lock.json", "packages.lock.json",
    "Package.resolved", "pdm.lock", "Pipfile.lock", "pixi.lock", "pnpm-lock.yaml", "Podfile.lock", "poetry.lock", "pubspec.lock", "pylock.toml",
    "uv.lock", "yarn.lock", ".terraform.lock.hcl",
)
_LOCKFILE_NAMES = frozenset(folded(name) for name in LOCKFILES)

# What is installed by where no lockfile is, or beside one. `*` stands for any characters of a name.
MANIFESTS = (
    "*.csproj", "*.fsproj", "*.gemspec", "*constraints*.txt", "*requirements*.in", "*requirements*.txt", ".gitmodules", ".node-version", ".npmrc",
    ".nvmrc", ".pnpmfile.cjs", ".python-version", ".ruby-version", ".tool-versions", ".yarnrc", ".yarnrc.yml", "CMakeLists.txt", "Cargo.toml",
    "Directory.Packages.props", "Gemfile", "Package.swift", "Pipfile", "Podfile", "build.gradle", "build.gradle.kts", "build.sbt", "composer.json",
    "conanfile.py", "conanfile.txt", "deno.json", "environment.yml", "gems.rb", "global.json", "go.mod", "go.work", "gradle-wrapper.properties",
    "gradle.properties", "libs.versions.toml", "mise.toml", "mix.exs", "package.json", "pnpm-workspace.yaml", "pom.xml", "pubspec.yaml",
    "pyproject.toml", "rust-toolchain", "rust-toolchain.toml", "settings.gradle", "settings.gradle.kts", "setup.cfg", "setup.py", "tox.ini", "vcpkg.json",
)


def is_lockfile(path: str) -> bool:
    """Return whether a path is a lockfile, in any directory and spelling."""
    return folded(path)[-1:] in _LOCKFILE_NAMES


def is_manifest(path: str) -> bool:
    """Return whether a path is a manifest, in any directory."""
    name = path.rpartition("/")[2]
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in MANIFESTS)
