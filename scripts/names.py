"""What headers declare at namespace scope: names, their kinds, their namespaces.

No compiler: the tokens of a header, and what a declaration begins with. Enough for this house, whose
headers are formatted and whose macros declare nothing.
"""
import pathlib
import re

TOKEN = re.compile(r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<directive>^[ \t]*\#(?:[^\n\\]|\\.|\\\n)*)
  | (?P<string>R"(?P<fence>[^(\s]*)\(.*?\)(?P=fence)"|"(?:[^"\\\n]|\\.)*"|(?<![0-9a-zA-Z])'(?:[^'\\\n]|\\.)*')
  | (?P<word>[A-Za-z_]\w*)
  | (?P<number>\d(?:[\w.]|'(?=\w)|(?<=[eEpP])[+-])*)
  | (?P<mark>::|->|&&|\|\||[^\s\w])
""", re.X | re.S | re.M)
# Behind a closing brace: it closed an initializer or a requires-expression, and the declaration goes on.
GOES_ON = {";", ",", "&&", "||", ")", ".", "?", ":", "<", "+", "-", "*", "/"}
QUIET = {"AMQ_QUIET_BEGIN", "AMQ_QUIET_END"}
OPEN, CLOSE = "({[", ")}]"


class Token:
    __slots__ = ("kind", "text", "at")

    def __init__(self, kind, text, at):
        self.kind, self.text, self.at = kind, text, at

    def __repr__(self):
        return self.text


def tokens(text):
    """Without comments and preprocessor lines."""
    for found in TOKEN.finditer(text):
        if found.lastgroup == "fence" or found.lastgroup == "string":
            yield Token("string", found[0], found.start())
        elif found.lastgroup not in ("comment", "directive") and found[0] not in QUIET:
            yield Token(found.lastgroup, found[0], found.start())


class Declaration:
    """`kind` is type, alias, concept, function, variable, forward or specialization."""

    def __init__(self, kind, name, scope, begin, end, name_at):
        self.kind, self.name, self.scope = kind, name, scope
        self.begin, self.end, self.name_at = begin, end, name_at

    def __repr__(self):
        return f"{self.kind} {'::'.join(self.scope)}::{self.name}"


def _closing(t, i):
    """Of the bracket at i, the index of its partner."""
    depth = 0
    while i < len(t):
        if t[i].text in OPEN:
            depth += 1
        elif t[i].text in CLOSE:
            depth -= 1
            if not depth:
                return i
        i += 1
    return len(t) - 1


def _closing_angle(t, i):
    depth = 0
    while i < len(t):
        s = t[i].text
        if s in OPEN:
            i = _closing(t, i)
        elif s == "<":
            depth += 1
        elif s == ">":
            depth -= 1
            if not depth:
                return i
        i += 1
    return len(t) - 1


def _end(t, i):
    """The index of a declaration's last token: `;`, or the brace that ends a function's body."""
    begin = i
    while i < len(t):
        s = t[i].text
        if s == ";":
            return i
        if s == "{":
            close = _closing(t, i)
            after = t[close + 1].text if close + 1 < len(t) else ""
            before = t[i - 1].text
            # A body, unless it is an initializer or a requires-expression, after which it goes on.
            if after not in GOES_ON and not (
                    before in ("requires", "=") or _is_requires(t, begin, i)):
                return close
            i = close
        elif s in ("(", "["):
            i = _closing(t, i)
        i += 1
    return len(t) - 1


def _is_requires(t, begin, brace):
    """`requires (..) {` : the brace belongs to a requires-expression."""
    k = brace - 1
    if t[k].text != ")":
        return False
    depth = 0
    while k >= begin:
        if t[k].text == ")":
            depth += 1
        elif t[k].text == "(":
            depth -= 1
            if not depth:
                return t[k - 1].text == "requires"
        k -= 1
    return False


def _skip_constraint(t, i):
    """Behind `requires` of a template head: the first token of what it constrains."""
    while True:
        while t[i].text == "!":
            i += 1
        if t[i].text == "(":
            i = _closing(t, i) + 1
        elif t[i].text == "requires":
            i += 1
            if t[i].text == "(":
                i = _closing(t, i) + 1
            i = _closing(t, i) + 1
        else:
            while t[i].kind == "word" or t[i].text == "::":
                i += 1
                if t[i].text == "<":
                    i = _closing_angle(t, i) + 1
                    if t[i].text != "::":
                        break
                elif t[i].text != "::" and t[i - 1].text != "::":
                    break
        if t[i].text in ("&&", "||"):
            i += 1
            continue
        return i


LEADING = {"inline", "constexpr", "static", "const", "extern", "constinit", "consteval", "thread_local", "friend",
           "typename", "explicit", "AMQ_INLINE", "AMQ_NOINLINE"}


def _behind_head(t, i):
    """(the first token that says what is declared, whether the head was `template <>`)."""
    special = False
    while True:
        s = t[i].text
        if s == "template" and t[i + 1].text == "<":
            close = _closing_angle(t, i + 1)
            special = close == i + 2
            i = close + 1
        elif s == "requires":
            i = _skip_constraint(t, i + 1)
        elif s == "[":
            i = _closing(t, i) + 1
        elif s in ("__attribute__", "alignas"):
            i = _closing(t, i + 1) + 1
        elif s in LEADING:
            i += 1
        else:
            return i, special


def _classify(t, i, last):
    """(kind, token of the name) of the declaration t[i .. last]."""
    i, special = _behind_head(t, i)
    s = t[i].text
    if s == "template":
        return "specialization", None  # an explicit instantiation
    if s == "concept":
        return "concept", t[i + 1]
    if s == "using":
        if t[i + 1].text == "namespace":
            return "directive", t[i + 2]
        return ("alias", t[i + 1]) if t[i + 2].text in ("=", "[") else ("using", t[last - 1])
    if s in ("static_assert", "asm"):
        return "other", None
    if s in ("struct", "class", "union", "enum"):
        return _classify_type(t, i + 1, last)
    kind, name = _classify_object(t, i, last)
    return ("specialization" if special else kind), name


def _classify_type(t, i, last):
    while t[i].text in ("class", "struct", "[", "alignas"):
        if t[i].text in ("[", "alignas"):
            i = _closing(t, i + (t[i].text == "alignas"))
        i += 1
    after = t[i + 1].text
    if after == "<":
        return "specialization", t[i]
    declared = after == ";" or (after == ":" and t[last - 1].text != "}")  # an enum of a stated type
    return ("forward" if declared else "type"), t[i]


def _classify_object(t, i, last):
    """Of a function or variable: the name is what stands before the first parenthesis, `=` or brace."""
    name = None
    while i < last:
        s = t[i].text
        if s == "operator":
            return "operator", t[i]
        if s in ("decltype", "noexcept", "__attribute__"):
            i = _closing(t, i + 1)
        elif s == "[":
            i = _closing(t, i)
        elif s == "<":
            i = _closing_angle(t, i)
            if t[i + 1].text in ("(", "=", ";", "{"):
                return "specialization", name
        elif s == "(":
            if t[i - 2].text == "::":
                return "member", name  # defined outside of its class
            guide = t[_closing(t, i) + 1].text == "->" and t[i - 2].text != "auto" and name.text[:1].isupper()
            return ("guide" if guide else "function"), name
        elif s in ("=", "{"):
            return "variable", name
        elif t[i].kind == "word":
            name = t[i]
        i += 1
    return "variable", name


def declarations(text):
    """All of a header, top to bottom."""
    t = list(tokens(text)) + [Token("end", "", len(text))]
    found = []
    _scope(t, 0, len(t) - 1, (), found)
    return found


def _scope(t, i, end, scope, found):
    """Appends to `found` what t[i .. end) declares in `scope`, namespaces within it included."""
    while i < end:
        s = t[i].text
        if s == ";":
            i += 1
            continue
        inline = s == "inline" and t[i + 1].text == "namespace"
        if s == "namespace" or inline:
            brace = i
            while t[brace].text not in ("{", "=", ";"):
                brace += 1
            names = tuple(k.text for k in t[i + 1 + inline:brace] if k.kind == "word")
            if t[brace].text != "{":  # an alias
                i = _end(t, brace) + 1
                continue
            close = _closing(t, brace)
            _scope(t, brace + 1, close, scope if inline else scope + (names or ("(none)",)), found)
            i = close + 1
            continue
        last = _end(t, i)
        kind, name = _classify(t, i, last)
        name = name or t[i]
        found.append(Declaration(kind, name.text, scope, t[i].at, t[last].at + len(t[last].text), name.at))
        i = last + 1


def of_headers(root):
    """(header, Declaration) of every header under root, sorted by header."""
    for path in sorted(pathlib.Path(root).rglob("*.hpp")):
        for d in declarations(path.read_text(encoding="utf-8")):
            yield path.relative_to(root).as_posix(), d
