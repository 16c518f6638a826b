"""The tagger: a tag for every token."""
