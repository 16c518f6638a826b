"""What the files hold that a counter is to be trained on."""

from charnn.check.contents import Contents, Opened
from charnn.data.labelled import LabelledData
from charnn.data.tables.reading import Reading


def open_data(sources, settings, inputs, problems):
    data = LabelledData(sources.corpus, settings.data, Reading(problems.add))
    return Opened(data.sources, lambda: Contents(facts={"train": len(problems.all_of(data.examples()))}))
