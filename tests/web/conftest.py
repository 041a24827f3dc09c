"""A visitor of pages in a real browser."""

import pytest


@pytest.fixture
def visit(browser):
    """``visit(address, width)`` → the page; fails at the end if it asked elsewhere or complained.

    A page may ask for something at any time, so it must not outlive its server: ``with serving(…) as address,
    visit(address) as page`` closes it first.
    """
    contexts, complaints = [], []

    def open_page(address, width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        contexts.append(context)
        page, origin = context.new_page(), "/".join(address.split("/")[:3]) + "/"
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(origin) else complaints.append(asked.url))
        page.goto(address)
        return page

    open_page.complaints = complaints
    yield open_page
    for context in contexts:
        context.close()
    assert not complaints
