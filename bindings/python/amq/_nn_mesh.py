"""Networks on meshes as torch modules: amq's MpPde, MeshGraphNet, GraphVit, Transolver and Flare.

Rows are (..., node, channel): leading axes are samples that share one mesh. `on()` takes what amq.mesh_inputs gives."""

from __future__ import annotations

import math
from typing import Any, Literal, Optional, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._nn_parts import (
    attend, beside, check_columns, check_sizes, narrow, of_heads, refuse, refuse_sizes, together,
)  # fmt: skip


def _at(rows: Tensor, nodes: Tensor) -> Tensor:
    return rows.index_select(-2, nodes)


def _sum_at(rows: Tensor, receiver: Tensor, nodes: int) -> Tensor:
    """(..., edge, channel) -> (..., node, channel)."""
    return rows.new_zeros(*rows.shape[:-2], nodes, rows.shape[-1]).index_add(-2, receiver, rows)


def _apart(layer: nn.Linear, *parts: int) -> Sequence[Tensor]:
    """The weight, cut by what it reads. A product with rows of nodes is made once a node, not once an edge."""
    return layer.weight.split(parts, 1)


def _check_edges(where: str, edge_index: Tensor) -> None:
    if edge_index.dim() != 2 or edge_index.shape[0] != 2:
        refuse(f"amq.nn.{where}, edge_index", "(2, edge): sender, receiver", str(tuple(edge_index.shape)),
               "Give edge_index of amq.mesh_inputs.")  # fmt: skip


class MpPdeLayer(nn.Module):
    """Message, mean over the edges that arrive, update, norm (eqs. 8 and 9 of the paper)."""

    def __init__(self, hidden: int, data: int, variables: int, norm: str) -> None:
        super().__init__()
        h, v = hidden, variables
        self.parts = (h, h, data, v)
        self.message_net_1 = nn.Sequential(nn.Linear(2 * h + data + v, h), nn.SiLU())
        self.message_net_2 = nn.Sequential(nn.Linear(h, h), nn.SiLU())
        self.update_net_1 = nn.Sequential(nn.Linear(2 * h + v, h), nn.SiLU())
        self.update_net_2 = nn.Sequential(nn.Linear(h, h), nn.SiLU())
        if norm == "layer":
            self.norm = nn.LayerNorm(h)
        self.has_norm = norm == "layer"

    def forward(self, f: Tensor, data: Tensor, v: Optional[Tensor], edge_index: Tensor) -> Tensor:
        sender, receiver = edge_index[0], edge_index[1]
        first = self.message_net_1[0]
        w1, w2, w_data, w_v = _apart(first, *self.parts)
        own = F.linear(data, w_data)
        to = F.linear(f, w1, first.bias) + own
        if v is not None:
            to = to + F.linear(v, w_v)
        rows = _at(to, receiver) + _at(F.linear(f, w2) - own, sender)
        message = self.message_net_2(F.silu(rows))
        n = f.shape[-2]
        degree = f.new_zeros(n).index_add(0, receiver, f.new_ones(len(receiver)))
        mean = _sum_at(message, receiver, n) / degree.clamp(min=1)[:, None]
        update = self.update_net_1(torch.cat((f, mean) if v is None else (f, mean, v), -1))
        f = f + self.update_net_2(update)
        if self.has_norm:
            return self.norm(f)
        apart = f - f.mean(-2, keepdim=True)
        return apart * torch.rsqrt(apart.square().mean(-2, keepdim=True) + 1e-5)


class MpPde(nn.Module):
    """The message-passing neural PDE solver (Brandstetter, Worrall, Welling, "Message passing neural PDE solvers", ICLR
    2022), steady and time-dependent: amq's MpPde.

    forward(u, x, [variables,] edge_index): u (..., node, inputs), or the last `window` values; x (node, dim); variables
    (node, variables) where it has some; edge_index (2, edge) -> (..., node, outputs), or with a window of 20, 25 or 50
    steps the mean rate of change up to each of the next ones, see integrate()."""

    network = "MpPde"

    def __init__(
        self,
        hidden: int = 128,
        layers: int = 6,
        window: int = 0,
        inputs: int = 1,
        dim: int = 2,
        variables: int = 0,
        outputs: int = 1,
        norm: Literal["instance", "layer"] = "instance",
    ) -> None:
        super().__init__()
        check_sizes("MpPde", 1, hidden=hidden, layers=layers, dim=dim, outputs=outputs)
        check_sizes("MpPde", 0, window=window, inputs=inputs, variables=variables)
        decoder = {20: (15, 4, 10), 25: (16, 3, 14), 50: (12, 2, 10)}.get(window)
        if norm not in ("instance", "layer") or window and (decoder is None or hidden != 128):
            refuse_sizes("MpPde", "norm 'instance' or 'layer', a window of 20, 25 or 50 at 128 hidden channels or none",
                         norm=norm, window=window, hidden=hidden)  # fmt: skip
        self.window, self.dim, self.variables = window, dim, variables
        self.inputs = window or inputs
        data = self.inputs + dim
        self.embedding_mlp = nn.Sequential(
            nn.Linear(data + variables, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())  # fmt: skip
        self.gnn_layers = nn.ModuleList(MpPdeLayer(hidden, data, variables, norm) for _ in range(layers))
        if decoder:
            k1, stride, k2 = decoder
            self.output_mlp = nn.Sequential(nn.Conv1d(1, 8, k1, stride), nn.SiLU(), nn.Conv1d(8, 1, k2))
        else:
            self.output_mlp = nn.Sequential(nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, outputs))

    def forward(self, u: Tensor, x: Tensor, *rest: Tensor) -> Tensor:
        if len(rest) != 1 + (self.variables > 0):
            refuse("amq.nn.MpPde", "u, x, " + ("variables, " if self.variables else "") + "edge_index",
                   f"{2 + len(rest)} tensors", "Variables are given where it has some.")  # fmt: skip
        check_columns("MpPde, u", u, self.inputs)
        check_columns("MpPde, x", x, self.dim)
        _check_edges("MpPde", rest[-1])
        v = None
        if self.variables:
            check_columns("MpPde, variables", rest[0], self.variables)
            v = beside(rest[0], u)
        data = torch.cat((u, beside(x, u)), -1)
        f = self.embedding_mlp(data if v is None else torch.cat((data, v), -1))
        for layer in self.gnn_layers:
            f = layer(f, data, v, rest[-1])
        if not self.window:
            return self.output_mlp(f)
        return self.output_mlp(f.reshape(-1, 1, f.shape[-1])).reshape(*f.shape[:-1], self.window)

    def integrate(self, u: Tensor, change: Tensor, time_step: float) -> Tensor:
        """The next steps: u(t + k dt) = u(t) + k dt change_k, as the deployed network says them. u and change
        (..., node, window), both in the user's units."""
        k = torch.arange(1, change.shape[-1] + 1, device=change.device, dtype=change.dtype)
        return u[..., -1:] + time_step * k * change

    def on(self, inputs: Any) -> Tensor:
        """The answer to MeshInputs of tensors."""
        i = inputs
        return self(i.u, i.x, i.variables, i.edge_index) if self.variables else self(i.u, i.x, i.edge_index)


class _Mlp(nn.Module):
    """Linear ReLU ... Linear and a LayerNorm where wanted, in `f`."""

    def __init__(self, inputs: int, hidden: int, outputs: int, inner: int, norm: bool) -> None:
        super().__init__()
        layers: list = [nn.Linear(inputs, hidden), nn.ReLU()]
        for _ in range(1, inner):
            layers += [nn.Linear(hidden, hidden), nn.ReLU()]
        layers.append(nn.Linear(hidden, outputs))
        self.f = nn.Sequential(*layers, *([nn.LayerNorm(outputs)] if norm else []))

    def forward(self, x: Tensor) -> Tensor:
        return self.f(x)

    def behind_first(self, x: Tensor) -> Tensor:
        """What follows the first Linear."""
        for k, layer in enumerate(self.f):
            x = layer(x) if k else x
        return x


class _MessagePassing(nn.Module):
    """A message for each edge of what both ends and the edge hold; an update of its receiver by their sum."""

    def __init__(self, node: int, hidden: int, norm: bool, inner: int = 2) -> None:
        super().__init__()
        self.node, self.hidden = node, hidden
        self.f_edge = _Mlp(2 * node + hidden, hidden, hidden, inner, norm)
        self.f_node = _Mlp(node + hidden, hidden, hidden, inner, norm)

    def forward(self, v: Tensor, e: Tensor, edge_index: Tensor) -> Sequence[Tensor]:
        first = self.f_edge.f[0]
        to, of, own = _apart(first, self.node, self.node, self.hidden)
        rows = _at(F.linear(v, to, first.bias), edge_index[1]) + _at(F.linear(v, of), edge_index[0]) + F.linear(e, own)
        message = self.f_edge.behind_first(rows)
        return self.f_node(torch.cat((v, _sum_at(message, edge_index[1], v.shape[-2])), -1)), message


class _Parts(nn.Module):
    """Parts under their names."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


def _edges_of(x: Tensor, edge_index: Tensor) -> Tensor:
    """(edge, dim + 1): x of the receiver less that of the sender, and its length."""
    d = _at(x, edge_index[1]) - _at(x, edge_index[0])
    return torch.cat((d, d.square().sum(-1, keepdim=True).sqrt()), -1)


class MeshGraphNet(nn.Module):
    """MeshGraphNet (Pfaff, Fortunato, Sanchez-Gonzalez, Battaglia, "Learning mesh-based simulation with graph
    networks", ICLR 2021), named as in EAGLE's code: amq's MeshGraphNet.

    forward(u, edge_features, edge_index): u (..., node, inputs); edge_features (edge, dim + 1); edge_index (2, edge) ->
    (..., node, outputs). block_norm: norms inside the blocks, too; without, EAGLE's variant. hidden_layers: of each
    network inside."""

    network = "MeshGraphNet"

    def __init__(
        self,
        hidden: int = 128,
        layers: int = 15,
        inputs: int = 11,
        dim: int = 2,
        outputs: int = 2,
        block_norm: bool = True,
        hidden_layers: int = 2,
    ) -> None:
        super().__init__()
        check_sizes("MeshGraphNet", 1, hidden=hidden, layers=layers, inputs=inputs, dim=dim, outputs=outputs,
                    hidden_layers=hidden_layers)  # fmt: skip
        h, n = hidden, hidden_layers
        self.inputs, self.dim = inputs, dim
        self.encoder = _Parts(fv=_Mlp(inputs, h, h, n, True), fe=_Mlp(dim + 1, h, h, n, True))
        blocks = nn.ModuleList(_MessagePassing(h, h, bool(block_norm), n) for _ in range(layers))
        self.processor = _Parts(gnn=blocks)
        self.decoder = _Mlp(h, h, outputs, n, False)

    def forward(self, u: Tensor, edge_features: Tensor, edge_index: Tensor) -> Tensor:
        check_columns("MeshGraphNet, u", u, self.inputs)
        check_columns("MeshGraphNet, edge_features", edge_features, self.dim + 1)
        _check_edges("MeshGraphNet", edge_index)
        v, e = self.encoder.fv(u), self.encoder.fe(edge_features)
        e = e.expand(*v.shape[:-2], *e.shape[-2:])
        for block in self.processor.gnn:
            dv, de = block(v, e, edge_index)
            v, e = v + dv, e + de
        return self.decoder(v)

    def on(self, inputs: Any) -> Tensor:
        """The answer to MeshInputs of tensors."""
        return self(inputs.u, inputs.edge_features, inputs.edge_index)


class _ClusterAttention(nn.Module):
    def __init__(self, width: int, code: int, heads: int) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width + code, heads, batch_first=True)
        bound = 1 / math.sqrt(2 * (width + code))
        nn.init.uniform_(self.attention.in_proj_weight, -bound, bound)
        self.linear = nn.Linear(width + code, width)
        self.mlp = _Mlp(width, width, width, 1, False)

    def forward(self, w: Tensor, masked: Tensor, codes: Tensor) -> Tensor:
        """w (sample, cluster, width)."""
        x = torch.cat((self.ln1(w), beside(codes, w)), -1)
        w = w + self.linear(self.attention(x, x, x, attn_mask=masked, need_weights=False)[0])
        return w + self.mlp(self.ln2(w))


class GraphVit(nn.Module):
    """GraphViT (Janny et al., "EAGLE: large-scale learning of turbulent fluid dynamics with mesh transformers", ICLR
    2023), named as in EAGLE's code: amq's GraphVit.

    forward(u, x, edge_index, clusters): u (..., node, inputs); x (node, dim); edge_index (2, edge); clusters (cluster,
    most), filled up with the number of nodes -> (..., node, outputs), the change of the state in one step.
    cluster_size: most nodes of a cluster, for mesh_inputs."""

    network = "GraphVit"

    def __init__(
        self,
        hidden: int = 128,
        width: int = 512,
        layers: int = 4,
        blocks: int = 4,
        heads: int = 4,
        frequencies: int = 8,
        dim: int = 2,
        inputs: int = 13,
        outputs: int = 4,
        cluster_size: int = 20,
    ) -> None:
        super().__init__()
        check_sizes("GraphVit", 1, hidden=hidden, width=width, layers=layers, heads=heads, frequencies=frequencies,
                    dim=dim, inputs=inputs, outputs=outputs, cluster_size=cluster_size)  # fmt: skip
        check_sizes("GraphVit", 0, blocks=blocks)
        h, code = hidden, 2 * frequencies * dim
        if (width + code) % heads:
            refuse_sizes("GraphVit", "heads that divide width + positional code", width=width, code=code, heads=heads)
        self.inputs, self.dim, self.num_heads, self.frequencies, self.width = inputs, dim, heads, frequencies, width
        self.cluster_size = cluster_size
        self.encoder = _Parts(
            encoder_node=_Mlp(inputs, h, h, 1, False),
            encoder_edge=_Mlp(dim + 1, h, h, 1, False),
            encoder_gn=nn.ModuleList(_MessagePassing(h + 2 * code, h, True) for _ in range(layers)),
        )
        self.graph_pooling = _Parts(rnn_pooling=nn.GRU(h + 2 * code, width, batch_first=True),
                                    linear_rnn=_Mlp(width, h, width, 1, False))  # fmt: skip
        decoder = nn.Sequential(nn.Linear(h, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh(), nn.Linear(h, outputs))
        self.graph_retrieve = _Parts(gnn=_MessagePassing(width + h + 2 * code, h, False), final_mlp=decoder)
        self.attention = nn.ModuleList(_ClusterAttention(width, code, heads) for _ in range(blocks))
        self.ln = nn.LayerNorm(width)

    def _codes(self, p: Tensor) -> Tensor:
        """Per coordinate cos and sin of 2^k pi p, k from -3 on; whole turns are taken off before the product with pi,
        which would round them."""
        turns = p[..., None] * 2.0 ** torch.arange(-3, self.frequencies - 3, device=p.device).to(p.dtype)
        angle = (turns - 2 * torch.round(turns / 2)) * math.pi
        return torch.cat((torch.cos(angle), torch.sin(angle)), -1).flatten(-2)

    def _pooled(self, rows: Tensor, clusters: Tensor, count: Tensor) -> Tensor:
        """(..., node, channel) -> (..., cluster, width): the state after a cluster's last node."""
        members = _at(F.pad(rows, (0, 0, 0, 1)), clusters.flatten())
        states = self.graph_pooling.rnn_pooling(members.reshape(-1, clusters.shape[1], rows.shape[-1]))[0]
        states = states.reshape(*rows.shape[:-2], *clusters.shape, self.width)
        last = (count - 1).clamp(min=0)[:, None, None].expand(*rows.shape[:-2], len(clusters), 1, self.width)
        state = states.gather(-2, last).squeeze(-2) * (count > 0)[:, None]
        return self.graph_pooling.linear_rnn(state)

    def forward(self, u: Tensor, x: Tensor, edge_index: Tensor, clusters: Tensor) -> Tensor:
        check_columns("GraphVit, u", u, self.inputs)
        check_columns("GraphVit, x", x, self.dim)
        _check_edges("GraphVit", edge_index)
        if clusters.dim() != 2 or not clusters.numel():
            refuse("amq.nn.GraphVit, clusters", "(cluster, most): ids of nodes", str(tuple(clusters.shape)),
                   "Give cluster_size to amq.mesh_inputs.")  # fmt: skip
        if x.dim() != 2:
            refuse("amq.nn.GraphVit, x", "(node, dim) of the mesh that all samples share", str(tuple(x.shape)),
                   "Give samples on other meshes one by one.")  # fmt: skip
        n = u.shape[-2]
        count = (clusters < n).sum(1)
        centre = _at(F.pad(x, (0, 0, 0, 1)), clusters.flatten()).reshape(*clusters.shape, self.dim).sum(1)
        centre = centre / count.clamp(min=1)[:, None]
        number = torch.arange(len(clusters), device=clusters.device)[:, None].expand_as(clusters)
        cluster_of = clusters.new_zeros(n + 1).scatter(0, clusters.flatten(), number.flatten())[:n]
        codes = torch.cat((self._codes(x), self._codes(_at(centre, cluster_of) - x)), -1)

        v, e = self.encoder.encoder_node(u), self.encoder.encoder_edge(_edges_of(x, edge_index))
        codes, e = beside(codes, v), e.expand(*v.shape[:-2], *e.shape[-2:])
        for block in self.encoder.encoder_gn:
            dv, de = block(torch.cat((v, codes), -1), e, edge_index)
            v, e = v + dv, e + de
        w = self._pooled(torch.cat((v, codes), -1), clusters, count)
        masked = (count == 0)[None] & ~torch.eye(len(clusters), dtype=torch.bool, device=clusters.device)
        of_samples, own = w.shape[:-2], self._codes(centre)
        w = w.reshape(-1, *w.shape[-2:])
        for block in self.attention:
            w = block(w, masked, own)
        w = _at(self.ln(w).reshape(*of_samples, *w.shape[-2:]), cluster_of)
        return self.graph_retrieve.final_mlp(self.graph_retrieve.gnn(torch.cat((v, w, codes), -1), e, edge_index)[0])

    def on(self, inputs: Any) -> Tensor:
        """The answer to MeshInputs of tensors."""
        return self(inputs.u, inputs.x, inputs.edge_index, inputs.clusters)


class _PreMlp(nn.Module):
    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.linear_pre = nn.Sequential(narrow(inputs, hidden), nn.GELU())
        self.linear_post = narrow(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear_post(self.linear_pre(x))


class PhysicsAttention(nn.Module):
    """Nodes share slices; tokens of the slices attend to each other and are given back (Wu et al., section 3)."""

    def __init__(self, hidden: int, heads: int, tokens: int) -> None:
        super().__init__()
        own = hidden // heads
        self.num_heads = heads
        self.temperature = nn.Parameter(torch.full((1, heads, 1, 1), 0.5))
        self.in_project_x, self.in_project_fx = narrow(hidden, hidden), narrow(hidden, hidden)
        self.in_project_slice = narrow(own, tokens)
        self.to_q, self.to_k, self.to_v = (narrow(own, own, bias=False) for _ in range(3))
        self.to_out = nn.Sequential(narrow(hidden, hidden))

    def forward(self, x: Tensor) -> Tensor:
        value, key = of_heads(self.in_project_fx(x), self.num_heads), of_heads(self.in_project_x(x), self.num_heads)
        w = torch.softmax(self.in_project_slice(key) / self.temperature[0], -1)  # (..., head, node, token)
        token = w.transpose(-1, -2) @ value / (w.sum(-2)[..., None] + 1e-5)
        token = attend(self.to_q(token), self.to_k(token), self.to_v(token), value.shape[-1] ** -0.5)
        return self.to_out(together(w @ token))


class _TransolverBlock(nn.Module):
    def __init__(self, hidden: int, heads: int, tokens: int, ratio: int, outputs: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.Attn = PhysicsAttention(hidden, heads, tokens)
        self.mlp = _PreMlp(hidden, ratio * hidden, hidden)
        self.last = outputs > 0
        if self.last:
            self.ln_3, self.mlp2 = nn.LayerNorm(hidden), narrow(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.Attn(self.ln_1(x))
        x = x + self.mlp(self.ln_2(x))
        return self.mlp2(self.ln_3(x)) if self.last else x


def _rows(network: str, x: Tensor, u: Tensor, variables: Optional[Tensor], columns: Sequence[int]) -> Tensor:
    """Positions, given fields and variables side by side."""
    check_columns(f"{network}, x", x, columns[0])
    check_columns(f"{network}, u", u, columns[1])
    if (variables is None) != (columns[2] == 0):
        refuse(f"amq.nn.{network}", f"{columns[2]} variables", "none" if variables is None else "some",
               "Variables are given where it has some.")  # fmt: skip
    parts = [beside(x, u), u]
    if variables is not None:
        check_columns(f"{network}, variables", variables, columns[2])
        parts.append(beside(variables, u))
    return torch.cat(parts, -1)


class Transolver(nn.Module):
    """Transolver for irregular meshes (Wu, Luo, Wang, Wang, Long, "Transolver: a fast transformer solver for PDEs on
    general geometries", ICML 2024): amq's Transolver.

    forward(x, u, variables=None): x (..., node, dim), u (..., node, inputs), variables (..., node, variables) where it
    has some -> (..., node, outputs). tokens: slices of each head. mlp_ratio: hidden channels of a block's MLP over
    `hidden`."""

    network = "Transolver"

    def __init__(
        self,
        hidden: int = 128,
        layers: int = 8,
        heads: int = 8,
        tokens: int = 64,
        mlp_ratio: int = 1,
        inputs: int = 0,
        dim: int = 2,
        variables: int = 0,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        check_sizes("Transolver", 1, hidden=hidden, layers=layers, heads=heads, tokens=tokens, mlp_ratio=mlp_ratio,
                    dim=dim, outputs=outputs)  # fmt: skip
        check_sizes("Transolver", 0, inputs=inputs, variables=variables)
        if hidden % heads:
            refuse_sizes("Transolver", "heads that divide the hidden channels", hidden=hidden, heads=heads)
        self.dim, self.inputs, self.variables = dim, inputs, variables
        self.preprocess = _PreMlp(dim + inputs + variables, 2 * hidden, hidden)
        self.blocks = nn.ModuleList(
            _TransolverBlock(hidden, heads, tokens, mlp_ratio, outputs if k + 1 == layers else 0) for k in range(layers)
        )
        self.placeholder = nn.Parameter(torch.rand(hidden) / hidden)

    def forward(self, x: Tensor, u: Tensor, variables: Optional[Tensor] = None) -> Tensor:
        f = self.preprocess(_rows("Transolver", x, u, variables, (self.dim, self.inputs, self.variables)))
        f = f + self.placeholder
        for block in self.blocks:
            f = block(f)
        return f

    def on(self, inputs: Any) -> Tensor:
        """The answer to MeshInputs of tensors."""
        return self(inputs.x, inputs.u, inputs.variables if self.variables else None)


class ResidualMlp(nn.Module):
    """h = x + f(fc1 x), h += f(fcs h), then h + fc2 h; the first and the last sum where asked for."""

    def __init__(self, inputs: int, hidden: int, outputs: int, inner: int, first_adds: bool, last_adds: bool,
                 act: nn.Module) -> None:  # fmt: skip
        super().__init__()
        self.fc1, self.fc2 = narrow(inputs, hidden), narrow(hidden, outputs)
        self.fcs = nn.ModuleList(narrow(hidden, hidden) for _ in range(inner))
        self.first_adds, self.last_adds, self.act = first_adds, last_adds, act

    def forward(self, x: Tensor) -> Tensor:
        h = self.act(self.fc1(x))
        h = x + h if self.first_adds else h
        for fc in self.fcs:
            h = h + self.act(fc(h))
        return h + self.fc2(h) if self.last_adds else self.fc2(h)


class LatentAttention(nn.Module):
    """Learned queries of each head attend to nodes, and nodes to what the queries have found."""

    def __init__(self, hidden: int, heads: int, tokens: int, inner: int, act: nn.Module) -> None:
        super().__init__()
        self.num_heads = heads
        bound = 0.1 * math.sqrt(3)
        self.latent_q = nn.Parameter(torch.empty(heads * tokens, hidden // heads).uniform_(-bound, bound))
        self.k_proj = ResidualMlp(hidden, hidden, hidden, inner, True, True, act)
        self.v_proj = ResidualMlp(hidden, hidden, hidden, inner, True, True, act)
        self.out_proj = narrow(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        k, v = of_heads(self.k_proj(x), self.num_heads), of_heads(self.v_proj(x), self.num_heads)
        q = self.latent_q.reshape(self.num_heads, -1, k.shape[-1]).expand(*k.shape[:-2], -1, -1)
        return self.out_proj(together(attend(k, q, attend(q, k, v, 1.0), 1.0)))


class _FlareBlock(nn.Module):
    def __init__(self, hidden: int, heads: int, tokens: int, inner: int, act: nn.Module) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.att = LatentAttention(hidden, heads, tokens, inner, act)
        self.mlp = ResidualMlp(hidden, hidden, hidden, inner, True, True, act)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.att(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Flare(nn.Module):
    """A network like FLARE (Puri et al., "FLARE: fast low-rank attention routing engine", 2025): amq's Flare.

    forward(x, u, variables=None): as Transolver's. tokens: latent queries of each head. inner, inner_of_ends: residual
    layers inside keys, values and MLPs, and inside the first and the last MLP. activation: gelu_tanh in the public
    code."""

    network = "Flare"

    def __init__(
        self,
        hidden: int = 64,
        layers: int = 8,
        heads: int = 8,
        tokens: int = 64,
        inner: int = 3,
        inner_of_ends: int = 2,
        inputs: int = 0,
        dim: int = 2,
        variables: int = 0,
        outputs: int = 1,
        activation: Literal["gelu", "gelu_tanh", "swish"] = "gelu",
    ) -> None:
        super().__init__()
        check_sizes("Flare", 1, hidden=hidden, layers=layers, heads=heads, tokens=tokens, dim=dim, outputs=outputs)
        check_sizes("Flare", 0, inner=inner, inner_of_ends=inner_of_ends, inputs=inputs, variables=variables)
        acts = {"gelu": nn.GELU(), "gelu_tanh": nn.GELU(approximate="tanh"), "swish": nn.SiLU()}
        if hidden % heads or activation not in acts:
            refuse_sizes("Flare", "heads that divide the hidden channels, activation gelu, gelu_tanh or swish",
                         hidden=hidden, heads=heads, activation=activation)  # fmt: skip
        act = acts[activation]
        self.dim, self.inputs, self.variables = dim, inputs, variables
        self.in_proj = ResidualMlp(dim + inputs + variables, hidden, hidden, inner_of_ends, False, True, act)
        self.blocks = nn.ModuleList(_FlareBlock(hidden, heads, tokens, inner, act) for _ in range(layers))
        last = ResidualMlp(hidden, hidden, outputs, inner_of_ends, True, False, act)
        self.out_proj = nn.Sequential(nn.LayerNorm(hidden), last)

    def forward(self, x: Tensor, u: Tensor, variables: Optional[Tensor] = None) -> Tensor:
        f = self.in_proj(_rows("Flare", x, u, variables, (self.dim, self.inputs, self.variables)))
        for block in self.blocks:
            f = block(f)
        return self.out_proj(f)

    def on(self, inputs: Any) -> Tensor:
        """The answer to MeshInputs of tensors."""
        return self(inputs.x, inputs.u, inputs.variables if self.variables else None)
