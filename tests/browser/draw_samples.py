"""Draws the chat page's sample pictures: python -m tests.browser.draw_samples

Three times as large and scaled down, so that edges are smooth; Pillow's own font, so that the
result is the same everywhere.
"""

import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FOLDER = Path(__file__).parents[2] / "lib" / "web" / "samples"
SCALE = 3
INK, GREY, PAPER = "#22272e", "#6b7480", "#fdfdfb"


class Sheet:
    """A drawing in points of the finished picture."""

    def __init__(self, width: int, height: int, colour: str) -> None:
        self._size = (width, height)
        self._image = Image.new("RGB", (width * SCALE, height * SCALE), colour)
        self._draw = ImageDraw.Draw(self._image)

    def text(self, x: float, y: float, text: str, size: float, colour: str = INK, at: str = "lm",
             ) -> None:  # fmt: skip
        font = ImageFont.load_default(size * SCALE)
        self._draw.text((x * SCALE, y * SCALE), text, colour, font, anchor=at)

    def box(self, left: float, top: float, right: float, bottom: float, colour: str,
            corner: float = 0) -> None:  # fmt: skip
        box = [edge * SCALE for edge in (left, top, right, bottom)]
        self._draw.rounded_rectangle(box, corner * SCALE, colour)

    def line(self, *points: float, colour: str = INK, width: float = 1) -> None:
        self._draw.line([p * SCALE for p in points], colour, round(width * SCALE))

    def shape(self, *points: float, colour: str) -> None:
        self._draw.polygon([p * SCALE for p in points], colour)

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        box = [(x - radius) * SCALE, (y - radius) * SCALE, (x + radius) * SCALE,
               (y + radius) * SCALE]  # fmt: skip
        self._draw.ellipse(box, colour)

    def save(self, name: str) -> None:
        small = self._image.resize(self._size, Image.Resampling.LANCZOS)
        small.quantize(128).save(FOLDER / name, optimize=True)


def receipt() -> None:
    sheet = Sheet(420, 560, "#c9d3dd")
    sheet.box(44, 28, 384, 540, "#aab6c2", 4)
    sheet.box(38, 22, 378, 534, PAPER, 4)
    sheet.text(208, 62, "LIGHTHOUSE CAFE", 24, at="mm")
    sheet.text(208, 90, "12 Harbour Road", 14, GREY, "mm")
    sheet.text(208, 110, "14 October 2026   09:42   Table 5", 13, GREY, "mm")
    sheet.line(62, 132, 354, 132, colour=GREY)
    lines = [("2  Flat white", "7.60"), ("1  Green tea", "3.20"), ("1  Cheese omelette", "9.80"),
             ("2  Butter croissant", "5.40"), ("1  Orange juice", "4.10")]  # fmt: skip
    for row, (what, price) in enumerate(lines):
        sheet.text(62, 160 + row * 32, what, 17)
        sheet.text(354, 160 + row * 32, price, 17, at="rm")
    sheet.line(62, 328, 354, 328, colour=GREY)
    for row, (what, price) in enumerate([("Subtotal", "30.10"), ("Tax 7 %", "2.11")]):
        sheet.text(62, 354 + row * 28, what, 16, GREY)
        sheet.text(354, 354 + row * 28, price, 16, GREY, "rm")
    sheet.text(62, 418, "TOTAL  EUR", 23)
    sheet.text(354, 418, "32.21", 23, at="rm")
    sheet.text(62, 452, "Paid by card  **** 4471", 14, GREY)
    bars, x = random.Random(7), 92.0
    while x < 322:
        width = bars.choice((1.5, 2.5, 4))
        sheet.box(x, 478, x + width, 516, INK)
        x += width + bars.choice((2, 3, 4.5))
    sheet.save("receipt.png")


def chart() -> None:
    sheet = Sheet(560, 420, "#ffffff")
    sheet.text(40, 36, "Support tickets by topic", 22)
    sheet.text(40, 62, "September 2026, number of tickets", 14, GREY)
    bottom, per_ticket = 350, 0.62
    for value in range(0, 401, 100):
        y = bottom - value * per_ticket
        sheet.line(78, y, 530, y, colour="#e3e7ec")
        sheet.text(68, y, str(value), 13, GREY, "rm")
    values = [("Billing", 312, "#1f6feb"), ("Login", 184, "#2da44e"), ("Delivery", 246, "#bf8700"),
              ("Refunds", 97, "#cf222e")]  # fmt: skip
    for column, (name, value, colour) in enumerate(values):
        x = 104 + column * 110
        sheet.box(x, bottom - value * per_ticket, x + 70, bottom, colour)
        sheet.text(x + 35, bottom - value * per_ticket - 14, str(value), 16, at="mm")
        sheet.text(x + 35, bottom + 20, name, 15, at="mm")
    sheet.line(78, bottom, 530, bottom, colour=GREY, width=1.4)
    sheet.save("chart.png")


def street() -> None:
    sheet = Sheet(560, 420, "#bfe0f5")
    sheet.disc(476, 70, 34, "#ffd84d")
    for x, y in ((90, 70), (122, 62), (150, 74), (300, 96), (328, 88), (352, 98)):
        sheet.disc(x, y, 24, "#ffffff")
    _house(sheet, 30, 190, "#e07a5f", 2)
    _house(sheet, 190, 160, "#f2cc8f", 3)
    sheet.box(0, 318, 560, 340, "#b9b9b4")
    sheet.box(0, 340, 560, 420, "#555b63")
    for x in range(10, 560, 84):
        sheet.box(x, 378, x + 44, 384, "#f4f1de")
    _tree(sheet, 380)
    sheet.box(446, 200, 452, 330, "#7a828c")
    sheet.box(404, 150, 496, 206, "#1b7f4d", 8)
    sheet.text(450, 170, "MARKET", 17, "#ffffff", "mm")
    sheet.text(450, 190, "2 km  >", 15, "#ffffff", "mm")
    _car(sheet)
    sheet.save("street.png")


def _house(sheet: Sheet, x: float, top: float, colour: str, floors: int) -> None:
    sheet.box(x, top, x + 140, 320, colour)
    sheet.shape(x - 12, top, x + 152, top, x + 70, top - 52, colour="#7d4f50")
    for floor in range(floors):
        for column in (18, 88):
            y = top + 18 + floor * 46
            sheet.box(x + column, y, x + column + 34, y + 28, "#fdf6e3", 2)
    sheet.box(x + 56, 276, x + 84, 320, "#5b3a29", 3)


def _tree(sheet: Sheet, x: float) -> None:
    sheet.box(x - 6, 250, x + 6, 322, "#6b4a2f")
    for dx, dy in ((0, -18), (-24, 6), (24, 6), (0, 12)):
        sheet.disc(x + dx, 236 + dy, 28, "#3b8f53")


def _car(sheet: Sheet) -> None:
    sheet.box(120, 344, 270, 380, "#c1272d", 10)
    sheet.shape(146, 346, 168, 320, 226, 320, 248, 346, colour="#c1272d")
    sheet.shape(156, 344, 173, 326, 195, 326, 195, 344, colour="#d9eefb")
    sheet.shape(201, 344, 201, 326, 221, 326, 238, 344, colour="#d9eefb")
    for x in (156, 236):
        sheet.disc(x, 382, 16, "#1e2227")
        sheet.disc(x, 382, 7, "#c9ced4")


if __name__ == "__main__":
    receipt()
    chart()
    street()
