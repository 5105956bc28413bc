"""What every page shares: the app behind it, and errors as people want to read them."""

import contextlib
import functools
from collections.abc import Iterator

import streamlit as st

from lib.core.errors import AppError, BadReply
from lib.store import settings
from lib.store.gpu import gpus
from lib.web.models_deeds import Deeds, library_verbs
from lib.web.models_look import Lookout
from lib.web.texts import _, number
from lib.work import classify, generation
from lib.work.app import App, build
from lib.work.chats import Chats
from lib.work.jobs import JobDesk
from lib.work.marketplace import Marketplace
from lib.work.pulls import Pulls
from lib.work.speed_tests import SpeedDesk
from lib.work.stations import stations


@functools.cache
def app() -> App:
    """The one App of this process; not in Streamlit's cache, which any visitor may clear."""
    return build(settings.read())


@functools.cache
def chats() -> Chats:
    return Chats(app())


@functools.cache
def jobs() -> JobDesk:
    return JobDesk(app())


@functools.cache
def pulls() -> Pulls:
    return Pulls(app())


@functools.cache
def lookout() -> Lookout:
    return Lookout(lambda: stations(app()), gpus)


@functools.cache
def deeds() -> Deeds:
    return Deeds(library_verbs(app(), pulls()), lookout().look_again)


@functools.cache
def market() -> Marketplace:
    return Marketplace(app().settings.clore_api_url)


@functools.cache
def speed() -> SpeedDesk:
    return SpeedDesk(app())


def begin_closing() -> None:
    """Begin no further call, and break off those that somebody waits for."""
    generation.stop_all()
    classify.stop_all()
    if jobs.cache_info().currsize:
        jobs().begin_closing()
    if pulls.cache_info().currsize:
        pulls().begin_closing()
    if speed.cache_info().currsize:
        speed().begin_closing()


def close() -> None:
    """Stop what is being answered, store it, and close everything."""
    if app.cache_info().currsize:
        chats().close()
        jobs().close()
        pulls().close()
        speed().close()
        lookout().close()
        app().close()
    app.cache_clear()
    jobs.cache_clear()
    pulls.cache_clear()
    speed.cache_clear()
    chats.cache_clear()
    lookout.cache_clear()
    deeds.cache_clear()
    market.cache_clear()


@contextlib.contextmanager
def friendly_errors() -> Iterator[None]:
    """Show one of our errors with its next step instead of failing the page."""
    try:
        yield
    except AppError as error:
        show_error(error)


def show_error(error: Exception) -> None:
    """What happened and what to do; an error that is not ours stays unnamed."""
    if not isinstance(error, AppError):
        error = BadReply("Something in this app went wrong.")
    show_problem(str(error), error.hint, error.retry_after_s)


def show_problem(message: str, hint: str, retry_after_s: float | None = None) -> None:
    """What happened in bold, what to do behind it."""
    wait = ""
    if retry_after_s is not None:
        wait = " " + _("It asks to wait {seconds} seconds.").format(seconds=number(retry_after_s))
    st.error(f"**{literal(message)}** {literal(hint)}{wait}", icon=":material/error:")


def literal(text: str) -> str:
    """Text for Markdown that must not be read as Markdown."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]$#<>:~" else sign for sign in text)
