import torch

torch.set_num_threads(1)  # the nets and slices of the tests are small: handing work to more threads costs more than it brings
