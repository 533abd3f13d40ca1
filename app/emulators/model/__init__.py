"""Anthropic's, OpenAI's and Gemini's model APIs to test against: `ModelEmulator`, `serve`, `Script`, `Record`, `record_of`."""

from __future__ import annotations

from app.emulators.model.asgi import create_app
from app.emulators.model.emulator import ANTHROPIC_KEY, GEMINI_KEY, MODELS, OPENAI_KEY, ModelEmulator
from app.emulators.model.record import Normalisation, Record, RecordedExchange, load_record, record_of
from app.emulators.model.script import Conversation, Fault, Script, ToolCall, Turn, TurnUsage, load_script
from app.emulators.model.serve import serve

__all__ = [
    "ANTHROPIC_KEY", "GEMINI_KEY", "MODELS", "OPENAI_KEY", "Conversation", "Fault", "ModelEmulator", "Normalisation", "Record",
    "RecordedExchange", "Script", "ToolCall", "Turn", "TurnUsage", "create_app", "load_record", "load_script",
    "record_of", "serve",
]
