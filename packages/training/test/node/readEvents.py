"""Prints as JSON what TensorBoard reads of a run: readEvents.py FOLDER [FILE].

With FILE it reads what is there, makes FILE.waits, and reads on once FILE is there, as TensorBoard does of a run that goes on.
"""

import json
import pathlib
import sys
import time

from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import backend_context, metadata
from tensorboard.util import tensor_util

folder, *files = sys.argv[1:]
plugins = ("scalars", "histograms", "images")
events = plugin_event_multiplexer.EventMultiplexer(tensor_size_guidance=dict.fromkeys(plugins, 0))
events.AddRunsFromDirectory(folder)
events.Reload()
for file in files:
    pathlib.Path(file + ".waits").touch()
    while not pathlib.Path(file).exists():
        time.sleep(0.05)
    events.Reload()

(run,) = events.Runs()
read = {
    "scalars": lambda value: value.item(),
    "histograms": lambda value: [bucket for bucket in value.tolist() if bucket[2] > 0],
    "images": lambda value: [int(size) for size in value[:2]],
}
found = {
    plugin: {
        tag: [[event.step, read[plugin](tensor_util.make_ndarray(event.tensor_proto))] for event in events.Tensors(run, tag)]
        for tag in events.PluginRunToTagToContent(plugin)[run]
    }
    for plugin in plugins
}

provider = data_provider.MultiplexerDataProvider(events, folder)
context = backend_context.Context(TBContext(data_provider=provider, logdir=folder, multiplexer=events))
request = RequestContext()
contents = context.hparams_metadata(request, "")
listed = provider.list_hyperparameters(request, experiment_ids=[""])
experiment = context.experiment_from_metadata(request, "", True, contents, listed)
start = metadata.parse_session_start_info_plugin_data(contents[run][metadata.SESSION_START_INFO_TAG])
found["hparams"] = {name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()}
found["columns"] = sorted(info.name for info in experiment.hparam_infos)
found["metrics"] = sorted(info.name.tag for info in experiment.metric_infos)
json.dump(found, sys.stdout)
