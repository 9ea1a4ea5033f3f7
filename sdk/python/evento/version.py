"""The version of this SDK. It stands in the manifest of every function."""

VERSION = "0.1.0"
