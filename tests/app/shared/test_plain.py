"""Untrusted text is escaped for Streamlit's Markdown."""

from app.shared.components import plain


def test_a_directive_of_streamlit_is_no_icon() -> None:
    shown = plain("a :material/home: and :streamlit: of :red[x]")
    assert ":material/" not in shown and ":streamlit" not in shown and ":red[" not in shown


def test_an_address_is_no_link() -> None:
    shown = plain("http://evil.example HTTPS://evil.example www.evil.example httpd").replace("\\", "")
    assert "http:" not in shown and "HTTPS:" not in shown and "www." not in shown and "httpd" in shown
