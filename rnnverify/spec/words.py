"""What each key of a spec and of a grid means, in a few words: for editors, which show them beside the JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SPEC: Mapping[str, str] = MappingProxyType(
    {
        "N": "samples",
        "T": "timesteps",
        "D": "input features",
        "M": "hidden units",
        "K": "output units",
        "layer": "the recurrent layer of a spec without `layers`: it has M units, and a Dense of K units follows",
        "layers": "the model, layer by layer, in Keras's own class and argument names",
        "model": "a saved model (.keras, .h5), or module:function that returns a keras.Model, in place of layers",
        "data": "what the model is fed",
        "weights": "where weights come from: by default Keras's initializers, with every bias drawn at random",
        "initial_state": "what recurrent layers start from that are given no states",
        "dtype": "the Keras dtype policy of all layers",
        "seed": "of weights and data",
        "tolerance": "a further demand on every output: |Keras - replay| <= atol + rtol |Keras|",
        "candidate": "your own arithmetic, judged beside Keras: port.py:forward, outputs.npz or cmd:./port {inputs} {outputs}",
        "backend": "Keras's backend; by default the one of KERAS_BACKEND, or tensorflow",
        "calls": "how many calls are made in a row, of a model with stateful layers: 3, or {count: 3, reset: [3]}",
        "opaque": "layers of which what they put out is taken as given, by name or class, or all that have no replay",
    }
)
WEIGHTS: Mapping[str, str] = MappingProxyType(
    {
        "bias": "how biases are drawn: at random, since zeros hide mistakes, or as Keras does",
        "file": "an .npz with every weight, named layer/weight; or an .h5 of weights that Keras saved",
        "scale": "what kernels are multiplied with",
    }
)
TOLERANCE: Mapping[str, str] = MappingProxyType(
    {"atol": "what any element may be off", "rtol": "what it may be off for each unit of its own size"}
)
DATA: Mapping[str, str] = MappingProxyType(
    {
        "normal": "independent normal variables",
        "uniform": "independent uniform variables",
        "one_hot": "a random feature is 1 at every step, the others 0",
        "tokens": "random token ids from 1 up; 0 pads sequences of random length",
        "text": "documents, each word hashed to a token id, padded with 0 to T ids",
        "chars": "texts over an alphabet, one one-hot vector a character",
        "file": "an array in a .npy, .npz or .csv file",
    }
)
DETAILS: Mapping[str, str] = MappingProxyType(
    {
        "mean": "of each number",
        "scale": "the standard deviation",
        "low": "the smallest number",
        "high": "what all numbers are below",
        "vocabulary": "what all ids are below; by default what the Embedding takes",
        "padding": "whether padding comes before a sequence or after it",
        "lengths": "whether sequences are all full, or of random length",
        "documents": "a text each",
        "alphabet": "distinct characters",
        "texts": "all of one length",
        "path": "of the file, from the spec's folder",
        "key": "the name of an array in an .npz",
    }
)
WEIGHTS_DRAWN = (
    *("kernel", "recurrent", "bias", "embeddings", "activity"),
    *("depthwise", "pointwise", "gamma", "beta", "moving_mean", "moving_variance", "alpha"),
)
# A layer's arguments mean the same in every layer, or nearly so.
ARGUMENTS: Mapping[str, str] = MappingProxyType(
    {
        "name": "the layer's name; by default Keras's, such as lstm_1",
        "trainable": "without effect here",
        "dtype": "the layer's own Keras dtype policy",
        "stateful": "whether it goes on from the states that the call before left",
        "inputs": "the earlier layers that it is called on; by default the one before it",
        "initial_state": "the earlier layers, or their states (encoder.h), that it starts from",
        "shape": "of the input, without the samples",
        "units": "how many units it has",
        "activation": "the activation function, by name",
        "recurrent_activation": "the gates' activation function, by name",
        "use_bias": "whether it has biases",
        "return_sequences": "whether it returns the output of every step, and not of the last alone",
        "return_state": "whether it returns its last states as well",
        "go_backwards": "whether it reads the sequence from its end, and returns it in that order",
        "unroll": "whether Keras builds the loop step by step; it computes the same",
        "zero_output_for_mask": "whether masked steps put out zeros, and not the output before them again",
        "reset_after": "whether the reset gate comes after the recurrent product, as in cuDNN",
        "unit_forget_bias": "whether the forget gate's bias is drawn as 1",
        "use_cudnn": "whether Keras may use cuDNN",
        "layer": "the layer inside",
        "cell": "the cell, or a list of cells on top of each other",
        "backward_layer": "the layer that reads backwards; by default a copy of `layer`",
        "merge_mode": "how both directions are put together; null returns both",
        "input_dim": "how many token ids there are",
        "output_dim": "how many numbers stand for each of them",
        "mask_zero": "whether id 0 is padding, which later layers skip",
        "mask_value": "steps in which all features are this are skipped",
        "axis": "the axis, the samples' counted, that it works along, or keeps apart",
        "n": "how many times the input is repeated",
        "filters": "how many filters it has, each of which puts out a channel",
        "kernel_size": "how many places a window shows, along each axis",
        "pool_size": "how many places a window shows, along each axis",
        "strides": "how far it is from one window to the next, along each axis",
        "dilation_rate": "how far it is from one place of a window to the next, along each axis",
        "padding": "valid, same or causal: which windows there are; of ZeroPadding1D, how many steps at each end",
        "groups": "in how many parts the channels are convolved",
        "depth_multiplier": "how many kernels each channel has",
        "keepdims": "whether the time axis stays, with one step",
        "epsilon": "what is added to a variance",
        "center": "whether beta is added",
        "scale": "of normalizations, whether gamma multiplies; of Rescaling, by what its input is multiplied",
        "offset": "what is added",
        "mean": "the mean of each place along the axis; by default it is learnt",
        "variance": "its variance; by default it is learnt",
        "use_scale": "whether scores are scaled",
        "attention_axes": "the axis that steps stand along; time",
        "num_tokens": "how many token ids there are",
        "output_mode": "one_hot: each id by itself; multi_hot: all of a sample's; count: how often each is there",
        "num_heads": "how many heads attend side by side",
        "key_dim": "how many features each head's queries and keys have",
        "value_dim": "how many features each head's values have; by default as many as its keys",
        "output_shape": "how many features come out; by default as many as the query has",
        "score_mode": "dot: inner products; concat: sums of tanh",
        "invert": "whether the mean and variance are put back",
        "momentum": "without effect at inference",
        "target_shape": "the shape that comes out, without the samples",
        "dims": "the axes in their new order; the first after the samples is 1",
        "cropping": "how many steps go at each end",
        "size": "how many times each step stands",
        "axes": "the axis of each input that is summed over, the samples' counted",
        "normalize": "whether the vectors are first divided by their lengths",
        "max_value": "no output is larger",
        "negative_slope": "the slope below the threshold",
        "threshold": "from where on numbers are kept",
        "alpha": "how far below zero it goes",
        "shared_axes": "axes along which alpha is the same",
        "stddev": "without effect at inference",
        "l1": "without effect at inference",
        "l2": "without effect at inference",
        "rate": "without effect at inference",
        "dropout": "without effect at inference",
        "recurrent_dropout": "without effect at inference",
        "seed": "of dropout; without effect at inference",
        **{
            f"{weight}_{kind}": words
            for weight in WEIGHTS_DRAWN
            for kind, words in (
                ("initializer", "how Keras draws it"),
                ("regularizer", "without effect at inference"),
                ("constraint", "without effect at inference"),
            )
        },
    }
)
GRID: Mapping[str, str] = MappingProxyType(
    {
        "base": "a spec, or the path of one",
        "grid": "for some keys of the spec the values to try; points are the product, the last key fastest",
        "sample": "how many points are drawn from the product; by default all are tried",
        "seed_of_sample": "of that draw",
    }
)
