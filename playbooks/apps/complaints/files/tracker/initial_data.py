"""What an empty tracker starts with. Roundup executes this file with `db`, `adminpw` and `admin_email`."""
# ruff: noqa: F821 - Roundup provides the names

STATUSES = [
    ("new", "جديدة", "Nouvelle"),
    ("in-progress", "قيد المعالجة", "En cours"),
    ("answered", "تم الجواب عنها", "Répondue"),
    ("closed", "مغلقة", "Close"),
]

SERVICES = [
    ("civil-status", "الحالة المدنية", "État civil"),
    ("planning", "التعمير", "Urbanisme"),
    ("roads", "الطرق والإنارة", "Voirie et éclairage"),
    ("hygiene", "النظافة وحفظ الصحة", "Propreté et hygiène"),
    ("other", "مصلحة أخرى", "Autre service"),
]

db.user.create(username="admin", password=adminpw, address=admin_email, roles="Admin")
db.user.create(username="anonymous", roles="Anonymous")

for klass, rows in ((db.status, STATUSES), (db.service, SERVICES)):
    for order, (name, label_ar, label_fr) in enumerate(rows, start=1):
        klass.create(name=name, label_ar=label_ar, label_fr=label_fr, order=order)
