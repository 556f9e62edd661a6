"""What an empty registry starts with. Roundup executes this file with `db`, `adminpw` and `admin_email`."""
# ruff: noqa: F821 - Roundup provides the names

DIRECTIONS = [
    ("incoming", "A", "وارد", "Arrivée"),
    ("outgoing", "D", "صادر", "Départ"),
]

STATUSES = [
    ("registered", "مسجل", "Enregistré"),
    ("in-progress", "قيد المعالجة", "En cours"),
    ("answered", "تم الجواب", "Répondu"),
    ("closed", "محفوظ", "Classé"),
    ("cancelled", "ملغى", "Annulé"),
]

db.user.create(username="admin", password=adminpw, address=admin_email, roles="Admin")
db.user.create(username="anonymous", roles="Anonymous")

for order, (name, letter, label_ar, label_fr) in enumerate(DIRECTIONS, start=1):
    db.direction.create(name=name, letter=letter, label_ar=label_ar, label_fr=label_fr, order=order)
for order, (name, label_ar, label_fr) in enumerate(STATUSES, start=1):
    db.status.create(name=name, label_ar=label_ar, label_fr=label_fr, order=order)
