"""BERT of Hugging Face transformers on TTNN."""

from symbiote_bert.embeddings import TTNNBertEmbeddings
from symbiote_bert.encoder import TTNNBertEncoder
from symbiote_bert.layer import TTNNBertLayer
from symbiote_bert.pooler import TTNNBertPooler

__all__ = ["TTNNBertEmbeddings", "TTNNBertEncoder", "TTNNBertLayer", "TTNNBertPooler"]
