"""The views of `charnn inspect`, one file each."""
