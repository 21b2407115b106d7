from torch import nn


class TextCNN(nn.Module):
    def __init__(self, config, vocab_size):
        super().__init__()
        self.config = config
        self.embeddings = nn.Embedding(vocab_size, self.config.embed_size)
        self.fc = nn.Linear(self.config.num_channels, self.config.output_size)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        return self.softmax(self.fc(self.embeddings(x).mean(1)))

    def add_optimizer(self, optimizer):
        self.optimizer = optimizer

    def add_loss_op(self, loss_op):
        self.loss_op = loss_op

    def run_epoch(self, batches):
        for batch in batches:
            self.optimizer.zero_grad()
            y_pred = self.__call__(batch.text)
            loss = self.loss_op(y_pred, batch.label - 1)  # expect: XE201
            loss.backward()
            self.optimizer.step()
