"""TTNN kernels for the modules of transformers' SpeechT5."""

from symbiote_speecht5.kernels.convolution import TTNNConvolution
from symbiote_speecht5.kernels.decoder import TTNNSpeechT5Decoder
from symbiote_speecht5.kernels.decoder_layer import TTNNSpeechT5DecoderLayer
from symbiote_speecht5.kernels.encoder import TTNNSpeechT5Encoder
from symbiote_speecht5.kernels.encoder_layer import TTNNSpeechT5EncoderLayer
from symbiote_speecht5.kernels.feature_encoder import TTNNFeatureConvolution, TTNNFeatureEncoder
from symbiote_speecht5.kernels.leaving import TTNNLeavingLinear
from symbiote_speecht5.kernels.positional_convolution import TTNNPositionalConvolution
from symbiote_speecht5.kernels.positions import TTNNRelativePositions
from symbiote_speecht5.kernels.postnet import TTNNBatchNormConvolution, TTNNSpeechT5Postnet
from symbiote_speecht5.kernels.speech_prenet import TTNNSpeechDecoderPrenet
from symbiote_speecht5.kernels.text_prenets import TTNNTextDecoderPrenet, TTNNTextEncoderPrenet
from symbiote_speecht5.kernels.vocoder import TTNNVocoderBlock

__all__ = [
    "TTNNBatchNormConvolution",
    "TTNNConvolution",
    "TTNNFeatureConvolution",
    "TTNNFeatureEncoder",
    "TTNNLeavingLinear",
    "TTNNPositionalConvolution",
    "TTNNRelativePositions",
    "TTNNSpeechDecoderPrenet",
    "TTNNSpeechT5Decoder",
    "TTNNSpeechT5DecoderLayer",
    "TTNNSpeechT5Encoder",
    "TTNNSpeechT5EncoderLayer",
    "TTNNSpeechT5Postnet",
    "TTNNTextDecoderPrenet",
    "TTNNTextEncoderPrenet",
    "TTNNVocoderBlock",
]
